import IMAPProtocol
import Logging
import MailConnections
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// A mailbox that needs a round.
struct RoundWork: Sendable {
  var record: MailboxRecord
  var specialUse: SpecialUse?
  var location: String
  /// Files went that the server still has: only a full listing finds them.
  var forgetsCheckpoint: Bool
}

/// Opens the account's connections.
struct ConnectionSource: Sendable {
  let settings: AccountSettings
  let resources: AccountWorker.Resources

  func open() async throws -> IMAPConnection {
    try await IMAPConnection.open(
      settings.endpoint, group: resources.group, budget: resources.budget, logger: resources.logger)
  }
}

/// Runs the rounds of an account over its connections. A mailbox's trouble is that mailbox's; a connection that breaks
/// is made again, with growing pauses; only what concerns the whole account ends the others.
struct RoundRunner: Sendable {
  let account: OpenAccount
  let connections: ConnectionSource
  let isDryRun: Bool

  private static let attempts = 3

  func run(_ work: [RoundWork], first: IMAPConnection, _ outcome: inout SyncOutcome) async throws {
    let queue = WorkQueue(work)
    let lanes = max(1, min(account.settings.connections, work.count))
    await withTaskGroup(of: Void.self) { group in
      for lane in 0..<lanes {
        group.addTask { await serve(queue, connection: lane == 0 ? first : nil, isOnly: lane == 0) }
      }
    }
    for (result, item) in await queue.results {
      outcome.delivered += result.delivered
      outcome.flagsChanged += result.flagsChanged
      outcome.quarantined += result.quarantined
      outcome.failures += result.notices.filter { !$0.isHold }
      outcome.notices += result.notices.filter(\.isHold).map(\.description)
      if isDryRun { outcome.plans.append(result.plan) }
      if let notice = result.notices.first(where: { $0.scope == .mailbox && !$0.isHold }), !isDryRun {
        try await account.state.setProblem(
          of: item.record.id, what: notice.what, remedy: notice.remedy, now: account.now())
      }
    }
    for (failure, item) in await queue.failures {
      outcome.failures.append(failure)
      guard !isDryRun, failure.scope == .mailbox else { continue }
      try await account.state.setProblem(
        of: item.record.id, what: failure.what, remedy: failure.remedy, now: account.now())
    }
    if let stop = await queue.stop { throw stop }
  }

  private func serve(_ queue: WorkQueue, connection: IMAPConnection?, isOnly: Bool) async {
    var connection = connection
    // The first connection waits for the others: one that is refused gives its work back.
    while let item = await queue.next(waiting: isOnly) {
      var attempt = 1
      while true {
        do {
          let usable = try await current(&connection)
          await queue.finish(item, try await rounds(item, usable))
          break
        } catch {
          let failure = SyncFailure(
            account.pipeline.failure ?? error, account: account.settings.name, location: item.location)
          if connection?.isOpen == false { connection = nil }
          if failure.scope == .account, !isRetriable(error) {
            // A further connection that the server refuses leaves the work to those that it gave.
            if connection == nil, !isOnly, account.pipeline.failure == nil, error is ConnectionError {
              await queue.giveBack(item)
            } else {
              await queue.end(failure)
            }
            connection?.close()
            return
          }
          guard isRetriable(error), attempt < Self.attempts else {
            await queue.fail(item, failure)
            if failure.scope == .account { await queue.end(failure) }
            break
          }
          account.logger.notice("\(failure.location): \(failure.what); trying again")
          connection?.close()
          connection = nil
          try? await Task.sleep(for: .milliseconds(250 * (1 << attempt) + Int.random(in: 0..<250)))
          attempt += 1
        }
      }
    }
    await connection?.logout()
  }

  private func current(_ connection: inout IMAPConnection?) async throws -> IMAPConnection {
    if let connection, connection.isOpen { return connection }
    let fresh = try await connections.open()
    connection = fresh
    return fresh
  }

  private func isRetriable(_ error: any Error) -> Bool {
    guard account.pipeline.failure == nil, let error = error as? ConnectionError else { return false }
    return error.retry == .soon || error.scope == .connection
  }

  /// Rounds until the mailbox stands still, at most three: mail that comes during a first sync is fetched as well.
  private func rounds(_ item: RoundWork, _ connection: IMAPConnection) async throws -> RoundResult {
    account.meter.update { $0.mailbox = item.record.name.description }
    let mailbox = try await account.mirrored(item.record, specialUse: item.specialUse)
    if item.forgetsCheckpoint, let validity = item.record.uidValidity, !isDryRun {
      try await account.state.setValidity(validity, of: item.record.id)
    }
    var total = RoundResult(plan: MailboxPlan(mailbox: item.record.name))
    for _ in 0..<3 {
      let result = try await MailboxRound(
        account: account, connection: connection, mailbox: mailbox, isDryRun: isDryRun
      ).run()
      total.add(result)
      total.plan = result.plan
      if !result.isStale || isDryRun { break }
    }
    account.meter.update { $0.mailboxesDone += 1 }
    return total
  }
}

/// The mailboxes that still need a round, taken from the front by the connections.
private actor WorkQueue {
  private var waiting: [RoundWork]
  private(set) var results: [(RoundResult, RoundWork)] = []
  private(set) var failures: [(SyncFailure, RoundWork)] = []
  private(set) var stop: SyncFailure?
  private var underWay = 0
  /// The one that waits for the others.
  private var sleeper: CheckedContinuation<Void, Never>?

  init(_ work: [RoundWork]) { waiting = work }

  /// The next mailbox. With `waiting`, nil only when no other connection has one that it may give back.
  func next(waiting mayWait: Bool) async -> RoundWork? {
    while stop == nil {
      if !waiting.isEmpty {
        underWay += 1
        return waiting.removeFirst()
      }
      guard mayWait, underWay > 0 else { return nil }
      await withCheckedContinuation { sleeper = $0 }
    }
    return nil
  }

  func giveBack(_ work: RoundWork) {
    waiting.insert(work, at: 0)
    ended()
  }

  func finish(_ work: RoundWork, _ result: RoundResult) {
    results.append((result, work))
    ended()
  }

  func fail(_ work: RoundWork, _ failure: SyncFailure) {
    failures.append((failure, work))
    ended()
  }

  func end(_ failure: SyncFailure) {
    if stop == nil { stop = failure }
    ended()
  }

  private func ended() {
    underWay = max(0, underWay - 1)
    sleeper?.resume()
    sleeper = nil
  }
}
