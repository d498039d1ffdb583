import IMAPProtocol
import Logging
import MailConnections
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// Opens the account's connections.
struct ConnectionSource: Sendable {
  let settings: AccountSettings
  let resources: AccountWorker.Resources
  /// Where it is told how many are open.
  var board: StatusBoard?
  /// Where they are known while they are open.
  var lines: OpenConnections?

  func open() async throws -> IMAPConnection {
    let connection = try await IMAPConnection.open(
      settings.endpoint, group: resources.group, budget: resources.budget, logger: resources.logger)
    lines?.add(connection)
    if let board {
      board.update { $0.connections += 1 }
      connection.whenClosed { board.update { $0.connections = max(0, $0.connections - 1) } }
    }
    return connection
  }

  /// Before the server is bothered: what is wrong with the password is the person's to mend.
  func openFirst() async throws -> IMAPConnection {
    do { _ = try await settings.endpoint.credentials.get() } catch {
      throw ConnectionError.noPassword("\(error)")
    }
    return try await open()
  }
}

/// Runs the rounds of an account over its connections. A mailbox's trouble is that mailbox's; a connection that breaks
/// is made again, with growing pauses; only what concerns the whole account ends the others.
struct RoundRunner: Sendable {
  typealias Report = @Sendable (RoundWork, WorkQueue.Turn, Result<RoundResult, SyncFailure>) async -> Void

  /// Which connections there are and how long they live.
  enum Lanes {
    /// The queue is closed. The first lane has this connection and waits for the others: one that is refused gives its
    /// work back.
    case once(first: IMAPConnection, count: Int)
    /// The queue stays open; connections are made when there is work, and closed when there is none for a while. One
    /// that is refused is tried again after a pause.
    case standing(count: Int)
  }

  let account: OpenAccount
  let connections: ConnectionSource
  let isDryRun: Bool
  /// Its connection watches, and is to be back soon: sending that takes long, or that would have to wait for another
  /// mailbox's, is left (`PushRound.Result.isLeft`).
  var isBrief = false
  /// Its connection tells of new mail: a message that may have been moved is looked for only twice.
  var isListening = false
  var loops = SupervisedLoops()
  /// Told the end of each turn.
  let report: Report

  private static let attempts = 3
  /// How long a connection without work is kept.
  private static let patience = Duration.seconds(15)

  /// Returns when the queue has ended; throws what ended the work on the whole account.
  func run(_ queue: WorkQueue, _ lanes: Lanes) async throws {
    await withTaskGroup(of: Void.self) { group in
      switch lanes {
      case .once(let first, let count):
        for lane in 0..<max(1, count) {
          group.addTask { await serveOnce(queue, connection: lane == 0 ? first : nil, isFirst: lane == 0) }
        }
      case .standing(let count):
        for lane in 0..<count { group.addTask { await serveStanding(queue, lane) } }
      }
    }
    if let stop = await queue.stop { throw stop }
  }

  private func serveOnce(_ queue: WorkQueue, connection: IMAPConnection?, isFirst: Bool) async {
    var connection = connection
    while case .work(let work, let turn) = await queue.next(waitsForOthers: isFirst, hasConnection: connection != nil) {
      guard await serve(work, turn, queue, &connection, mayGiveBack: !isFirst) else { return }
    }
    await connection?.logout()
  }

  private func serveStanding(_ queue: WorkQueue, _ lane: Int) async {
    var connection: IMAPConnection?
    while true {
      let next = await queue.next(
        lane: lane, waitsForOthers: false, hasConnection: connection != nil,
        patience: connection == nil ? nil : Self.patience)
      switch next {
      case .work(let work, let turn):
        var lane = connection
        let goesOn = await loops.run(work.location) { await serve(work, turn, queue, &lane, mayGiveBack: true) }
        connection = lane
        if goesOn { continue }
        guard await queue.stop == nil, !Task.isCancelled else { return }
        account.logger.notice(
          "\(account.settings.name): the server gives no further connection; going on without it",
          metadata: account.metadata())
        await queue.lanesRefused()
      case .idle:
        await connection?.logout()
        connection = nil
      case .ended:
        await connection?.logout()
        return
      }
    }
  }

  /// One mailbox's turn; false when this lane has no connection, or can go on no more.
  private func serve(
    _ work: RoundWork, _ turn: WorkQueue.Turn, _ queue: WorkQueue, _ connection: inout IMAPConnection?,
    mayGiveBack: Bool
  ) async -> Bool {
    var attempt = 1
    while true {
      var hasConnection = false
      do {
        let usable = try await current(&connection, queue)
        hasConnection = true
        var result = try await rounds(work, usable, queue)
        // What was sent before the connection broke is not among the result.
        result.sent.undone += attempt - 1
        await report(work, turn, .success(result))
        await queue.finished(work)
        return true
      } catch {
        if connection?.isOpen == false { connection = nil }
        if let failure = account.failure {
          await queue.end(failure)
          connection?.close()
          return false
        }
        if isRetriable(error), attempt < Self.attempts {
          account.logger.notice("\(work.location): \(error); trying again", metadata: account.metadata())
          connection?.close()
          connection = nil
          try? await Task.sleep(for: .milliseconds(250 * (1 << attempt) + Int.random(in: 0..<250)))
          attempt += 1
          continue
        }
        // A further connection that can't be had leaves the work to those that there are.
        if !hasConnection, mayGiveBack, error is ConnectionError {
          await queue.giveBack(work)
          return false
        }
        let failure = SyncFailure(error, account: account.settings.name, location: work.location)
        if failure.scope == .account {
          await queue.end(error)
          connection?.close()
          return false
        }
        await report(work, turn, .failure(failure))
        await queue.finished(work)
        return true
      }
    }
  }

  private func current(
    _ connection: inout IMAPConnection?, _ queue: WorkQueue
  ) async throws -> IMAPConnection {
    if let connection, connection.isOpen { return connection }
    let fresh = try await connections.open()
    await queue.laneOpened()
    connection = fresh
    return fresh
  }

  private func isRetriable(_ error: any Error) -> Bool {
    guard let error = error as? ConnectionError else { return false }
    return error.retry == .soon || error.scope == .connection
  }

  /// Rounds until the mailbox stands still, at most `mostAttempts`, and `mostLooks` more after which others are looked at:
  /// mail that comes during a first sync is fetched as well, and what was sent is confirmed by a round from the server.
  /// - Parameter hasFolderNews: the folder is why: its flags go ahead.
  func rounds(
    _ work: RoundWork, _ connection: IMAPConnection, _ queue: WorkQueue, hasFolderNews: Bool = false
  ) async throws -> RoundResult {
    try await inOwnTask { try await rounds(of: work, connection, queue, hasFolderNews) }
  }

  private static let (mostAttempts, mostLooks) = (4, 8)

  private func rounds(
    of work: RoundWork, _ connection: IMAPConnection, _ queue: WorkQueue, _ hasFolderNews: Bool
  ) async throws -> RoundResult {
    account.meter.update { $0.mailbox = work.record.name.description }
    var work = work
    // It may have been renamed, or be gone, since it was found to need a round.
    guard let record = try await account.state.mailbox(work.record.id) else {
      return RoundResult(plan: MailboxPlan(mailbox: work.record.name))
    }
    if !isDryRun, try await FolderLooks(account: account).look(at: record.id) { work.forgetsCheckpoint = true }
    let mailbox = try await account.mirrored(record, specialUse: work.specialUse)
    if work.forgetsCheckpoint, let validity = work.record.uidValidity, !isDryRun {
      try await account.state.setValidity(validity, of: work.record.id)
    }
    var total = RoundResult(plan: MailboxPlan(mailbox: work.record.name))
    if hasFolderNews {
      total.add(try await PushRound(account: account, connection: connection, mailbox: mailbox).sendFlagsAhead())
    }
    var knownCopies = UIDSet()
    var (attempts, looks) = (0, 0)
    while attempts < Self.mostAttempts {
      if !isDryRun { total.add(try await resolveIntents(into: mailbox, connection)) }
      let result = try await MailboxRound(
        account: account, connection: connection, mailbox: mailbox, isDryRun: isDryRun,
        knownCopies: knownCopies
      ).run()
      total.add(result)
      total.plan = result.plan
      if isDryRun {
        total.plan.push = try await PushPreview(account: account, mailbox: mailbox).plan()
        break
      }
      if !result.possibleMoves.isEmpty, looks < Self.mostLooks {
        looks += 1
        let look = try await MoveSourceLook(
          account: account, connection: connection, queue: queue, isPatient: !isListening
        ).run(result.possibleMoves, into: record.id)
        total.departed += look.departed
        total.hasLookedElsewhere = true
        // Where two turns wait for each other, the next round of each tells the other what has left its mailbox.
        if !look.hasMetTurn || looks == Self.mostLooks {
          knownCopies = knownCopies.union(result.possibleMoves.uids)
        }
        continue
      }
      attempts += 1
      let pushed = try await PushRound(
        account: account, connection: connection, mailbox: mailbox, isBrief: isBrief
      ).run()
      total.add(pushed)
      if !result.isStale, !pushed.hasWritten { break }
    }
    // The latest of messages that keep coming are the next turn's.
    if total.hasUnknown { account.facts.notePasserBy(at: account.clock.now().total) }
    total.conclude()
    account.meter.update { $0.mailboxesDone += 1 }
    return total
  }

  /// What an earlier turn left open: acts on the server of which we do not know whether they were done.
  private func resolveIntents(
    into mailbox: MirroredMailbox, _ connection: IMAPConnection
  ) async throws -> PushRound.Result {
    guard try await !account.state.intents(into: mailbox.record.id).isEmpty else { return .init() }
    if isBrief {
      guard await account.pushGate.tryToEnter() else { return .init(isLeft: true) }
    } else {
      await account.pushGate.enter()
    }
    do {
      let result = try await IntentResolution(account: account, connection: connection).run(into: mailbox.record.id)
      await account.pushGate.leave()
      return result
    } catch {
      await account.pushGate.leave()
      throw error
    }
  }
}
