import IMAPProtocol
import LinuxFiles
import Logging
import MailConnections
import MailModel
import Maildir
import NIOCore
import SyncState

/// An account while it is open and connected. One connection watches: it looks at all mailboxes at intervals, and in
/// between waits for news of the one that gets push, whose rounds it runs itself. The others are served by further
/// connections, which come with the work and go when there is none, so that bulk never delays push. Ends only by an
/// error or when it is cancelled.
struct AccountSession: Sendable {
  /// For many messages.
  let account: OpenAccount
  /// For what push brings.
  let express: OpenAccount
  let connections: ConnectionSource
  let blocked: [Int64: SyncFailure]
  let board: StatusBoard
  let refresh: StatusRefresh
  let requests: SyncRequests
  let signal: WakeSignal
  let dirty: DirtyMailboxes
  let broken: BrokenRounds
  let loops: SupervisedLoops
  let passes = PassTracker()
  let sound = SoundMailboxes()
  let notices: ServerNotices
  /// Called when a look at the whole account went well.
  let onSurvey: @Sendable () async -> Void

  private var settings: AccountSettings { account.settings }

  func run() async throws {
    board.update { $0.activity = .connecting }
    let first = try await loops.run("connecting") { try await connections.openFirst() }
    let lanes = settings.connections - 1
    let signal = signal
    let notices = notices
    let queue = WorkQueue(lanes: lanes) {
      signal.wake(.work)
    } onSettled: {
      notices.settled($0)
    }
    let runner = RoundRunner(account: account, connections: connections, isDryRun: false, loops: loops) {
      work, turn, result in
      await ended(work, turn, result, queue, isReserved: true)
    }
    defer { first.close() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      if lanes > 0 { group.addTask { try await runner.run(queue, .standing(count: lanes)) } }
      let further = FurtherWatches(session: self, queue: queue, report: runner.report)
      for place in 0..<further.count {
        group.addTask { try await loops.run("a further watch") { try await further.serve(place) } }
      }
      group.addTask {
        try await loops.run("the watch") {
          try await MailboxWatch(session: self, connection: first, queue: queue, runner: runner, further: further).run()
        }
      }
      defer { group.cancelAll() }
      // Whichever ends first ends the other.
      do {
        try await group.next()
      } catch {
        await queue.close()
        throw error
      }
      await queue.close()
    }
    throw account.failure ?? express.failure ?? CancellationError()
  }

  /// Writes down and tells the end of one mailbox's turn; the last of a pass ends the pass.
  /// - Parameter isReserved: the mailbox is the caller's in the queue.
  func ended(
    _ work: RoundWork, _ turn: WorkQueue.Turn, _ result: Result<RoundResult, SyncFailure>, _ queue: WorkQueue,
    isReserved: Bool
  ) async {
    await account.note(result, of: work)
    switch result {
    case .success(let round):
      broken.clear(work.record.id)
      sound.note(work.record.id, isSound: round.notices.allSatisfy { $0.scope == .message })
      for notice in round.notices { log(notice, of: work) }
      // Where messages went is to be known soon, and what was not done is to be done.
      let count = round.sent.moved + round.sent.deleted + round.sent.undone + round.departed
      if count > 0 || round.hasLookedElsewhere { signal.wake(.survey) }
    case .failure(let failure):
      sound.note(work.record.id, isSound: false)
      log(failure, of: work)
    }
    await refresh.changed(work.record.id)
    if let began = passes.ended(work.record.id, turn: turn) {
      await removeDeparted(before: began, queue, owning: isReserved ? work.record.id : nil)
    }
    do { try await markSettled() } catch {
      account.pipeline.fail(error)
      signal.wake(.work)
    }
    await answer(await requests.ended(work.record.id, turn: turn, result))
  }

  /// All mailboxes have been looked at since `began`: what left its mailbox before and turned up nowhere goes.
  func removeDeparted(before began: Int64, _ queue: WorkQueue, owning: Int64?) async {
    do {
      let result = try await DepartureRound(account: account, queue: queue, owning: owning).run(before: began)
      for end in result.ends {
        if case .success(let round) = end {
          for notice in round.notices { account.logger.warning("\(notice)", metadata: account.metadata()) }
        }
        if case .failure(let failure) = end { account.logger.warning("\(failure)", metadata: account.metadata()) }
        await requests.add(end)
      }
      if !result.ends.isEmpty { try await refresh.changedNow() }
      if result.wantsAnotherLook { signal.wake(.survey) }
    } catch {
      account.pipeline.fail(error)
      // Who waits for news now is to see that the account has stopped.
      signal.wake(.work)
    }
  }

  /// Gives the mailboxes a turn whose deletions have waited for what the last looks at folders found.
  func markSettled() async throws {
    guard let scans = account.facts.takeAdvance() else { return }
    for id in try await account.state.mailboxesSettled(settle: settings.settle.nanoseconds, in: scans) {
      dirty.mark(id, .folder)
    }
  }

  private func log(_ failure: SyncFailure, of work: RoundWork) {
    var metadata = account.metadata(of: work.record.name)
    if let uid = failure.uid { metadata["UID"] = "\(uid)" }
    account.logger.warning("\(failure)", metadata: metadata)
  }

  /// Concludes syncs that are done and answers those who asked for them.
  func answer(_ completed: [SyncRequests.Completed]) async {
    guard !completed.isEmpty else { return }
    for item in completed {
      var outcome = item.outcome
      do {
        try await account.conclude(&outcome, isDryRun: false, isWhole: item.isWhole)
        try await refresh.changedNow()
      } catch {
        account.pipeline.fail(error)
        outcome.failures.append(SyncFailure(error, account: settings.name, location: settings.name))
      }
      item.answer?.resume(returning: outcome)
    }
  }
}

extension OpenAccount {
  /// What a log line is about.
  func metadata(of mailbox: MailboxName? = nil) -> Logger.Metadata {
    var metadata: Logger.Metadata = ["ACCOUNT": "\(settings.name)"]
    if let mailbox { metadata["MAILBOX"] = "\(mailbox)" }
    return metadata
  }

  /// The directory under the root's path is still the one that was opened. A disk that was taken away, or a link that
  /// leads elsewhere now, stops the account, which is then opened anew with all its checks.
  func checkRoot() async throws {
    let (root, path, name) = (root, settings.root, settings.name)
    let isSame = try await pool.run { () -> Bool in
      do {
        return try DirectoryHandle.open(path: path).status().identity == root.status().identity
      } catch let error as FileError where error.isMissing {
        return false
      }
    }
    guard isSame else {
      throw SyncFailure(
        scope: .account, retry: .later, location: name, what: "the mail directory \(path) is another one now",
        remedy: "put back or mount the directory that was there; nothing is removed or written until then")
    }
  }
}
