import Logging
import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// A visit to a maildrop: sessions until one brings nothing. Some servers show only a part of what they have, and mail
/// comes while a session runs.
struct MaildropVisit: Sendable {
  let account: OpenAccount
  let drain: DrainSettings
  let resources: AccountWorker.Resources
  var isDryRun = false
  /// Where the connection is known while it is open.
  var lines: OpenConnections?
  /// Told how many connections are open.
  var onConnection: @Sendable (Int) -> Void = { _ in }

  /// Sessions in a row that may break.
  private static let attempts = 3
  /// A server that lists fewer messages than this has no more of them: Gmail shows some hundred at a time.
  private static let smallestPart = 20
  /// A server that wants more time than this between two logins is not asked again to see whether there is more.
  private static let shortDelay = 10
  /// How long a sync waits for such a server when it knows that there is more.
  private static let longestDelay = 60

  /// Adds what it came to; throws what ended it early. Returns how long the server wants to be left alone, in seconds.
  @discardableResult
  func run(_ outcome: inout SyncOutcome) async throws -> Int {
    outcome.mailboxes = 1
    guard !isDryRun else {
      try await preview(&outcome)
      return 0
    }
    try await account.checkRoot()
    let mailbox = try await DrainFolder(account: account, drain: drain).open()
    try await DrainPowerCut(account: account).run()
    try await DrainRebuild(account: account, mailbox: mailbox).prepare()
    if drain.deletesOnServer { try await DrainDeletions(account: account, mailbox: mailbox).run() }
    account.meter.update { $0.mailbox = drain.deliverTo.description }
    var attempt = 1
    var isFirst = true
    var isWhole = false
    var delay = 0
    while true {
      var result = MaildropSession.Result()
      do {
        defer { add(result, to: &outcome) }
        delay = try await session(mailbox, &result)
        attempt = 1
        isFirst = false
        isWhole = result.postponed == 0 && !result.isCut
        let hasMoved = result.delivered > 0 || result.deleted > 0 && !isWhole
        guard hasMoved, !isWhole || result.listed >= Self.smallestPart,
          try await pause(delay, isMoreKnown: !isWhole)
        else { break }
      } catch let failure as POP3Failure {
        // What was wanted from the server it has given; that it is not to be asked again now is no failure.
        if case .wait = failure, !isFirst { break }
        guard failure.scope == .connection || failure.isCutInHandshake || !isFirst, failure.retry == .soon,
          attempt < Self.attempts, account.failure == nil
        else { throw account.failure ?? failure }
        account.logger.notice("\(account.settings.name): \(failure); trying again", metadata: account.metadata())
        try await Task.sleep(for: .milliseconds(250 * (1 << attempt) + Int.random(in: 0..<250)))
        attempt += 1
      }
    }
    if isWhole { try await account.state.settleAbsent(now: account.now()) }
    if isWhole { try await DrainRebuild(account: account, mailbox: mailbox).end() }
    try await conclude(mailbox)
    return delay
  }

  private func connect() async throws -> POP3Connection {
    let connection = try await POP3Connection.open(
      account.settings.endpoint, group: resources.group, budget: resources.budget, logger: resources.logger)
    lines?.add(connection)
    return connection
  }

  /// One session; returns the pause that the server wants after it, in seconds.
  private func session(_ mailbox: MirroredMailbox, _ result: inout MaildropSession.Result) async throws -> Int {
    let connection = try await connect()
    onConnection(1)
    defer {
      connection.close()
      onConnection(-1)
    }
    try await MaildropSession(
      account: account, drain: drain, connection: connection, mailbox: mailbox
    ).run(&result)
    return connection.capabilities.loginDelay ?? 0
  }

  /// What a visit would do; nothing is fetched, deleted or stored.
  private func preview(_ outcome: inout SyncOutcome) async throws {
    let connection = try await connect()
    defer { connection.close() }
    let look = try await MaildropLook.read(connection, account, drain.policy)
    outcome.drains.append(DrainPreview(mailbox: drain.deliverTo, look.totals, drain.policy))
    try? await connection.quit()
  }

  private func add(_ result: MaildropSession.Result, to outcome: inout SyncOutcome) {
    outcome.delivered += result.delivered
    outcome.deleted += result.deleted
    for notice in result.notices where !outcome.notices.contains(notice.description) {
      outcome.notices.append(notice.description)
    }
    outcome.add(result.failures)
  }

  /// Waits as the server wants before another session; false where there is to be none.
  private func pause(_ delay: Int, isMoreKnown: Bool) async throws -> Bool {
    guard delay <= (isMoreKnown ? Self.longestDelay : Self.shortDelay) else { return false }
    if delay > 0 { try await Task.sleep(for: .seconds(delay)) }
    return true
  }

  private func conclude(_ mailbox: MirroredMailbox) async throws {
    let (state, now) = (account.state, account.now())
    try await state.confirmUnchanged([mailbox.record.id], now: now)
    try await state.purgeAbsent(now: now)
    try await state.endMaildrop()
    if account.pointsElsewhere { try await state.setServer(account.settings.server) }
  }
}
