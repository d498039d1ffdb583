import IMAPProtocol
import LinuxFiles
import Logging
import MailConnections
import MailModel
import Maildir
import NIOCore
import SyncState

/// The loop of the watching connection: survey, rounds of the pushed mailbox, work that no other connection can do,
/// sleep. Events only say what is dirty; one thing is done at a time.
struct MailboxWatch {
  let session: AccountSession
  let connection: IMAPConnection
  let queue: WorkQueue
  let runner: RoundRunner

  private var settings: AccountSettings { session.account.settings }

  /// The mailbox that gets push, and how far it is known.
  private struct Pushed {
    var work: RoundWork
    /// The server told of something, or nothing is known yet.
    var isDirty = true
    /// Selected, with its last round well done: the server's news can be trusted.
    var isCurrent = false
    /// The first UID that is not known, where the last round left no question open.
    var next: UID?
    /// It moved faster than its rounds, or the server's counts do not add up: it is looked at again soon.
    var isUnsettled = false
  }

  /// Servers and the boxes on the way forget connections on which nothing happens (RFC 2177: 29 minutes; many routers
  /// less), and some servers forget to tell: at least this often the mailbox is selected anew.
  private static let longestSleep = TimeAmount.minutes(9)
  /// More than these new messages at once are a round's work, whose pipeline is made for many.
  private static let fewMessages: UInt32 = 64
  private static let unsettledPause = TimeAmount.seconds(5)
  /// How long work for other mailboxes may keep the pushed one waiting, where there is one connection for all.
  private static let longestDetour = Duration.seconds(30)

  func run() async throws {
    var pushed: Pushed?
    var nextSurvey = NIODeadline.now()
    var idleRefused = false
    while true {
      try Task.checkCancellation()
      if let failure = session.express.failure { throw failure }
      if nextSurvey <= .now() {
        pushed = try await survey(known: pushed)
        nextSurvey = .now() + pollPause()
      }
      if pushed?.isDirty == true { try await round(&pushed) }
      if try await detour() {
        pushed?.isDirty = true
        pushed?.isCurrent = false
        continue
      }
      let reasons = try await sleep(&pushed, until: nextSurvey, &idleRefused)
      if reasons.contains(.survey) { nextSurvey = .now() }
      if reasons.contains(.time) { pushed?.isDirty = true }
    }
  }

  /// A tenth more or less than the configured interval, so that accounts do not march in step.
  private func pollPause() -> TimeAmount {
    let nanoseconds = Double(TimeAmount(settings.pollInterval).nanoseconds)
    return .nanoseconds(Int64(nanoseconds * Double.random(in: 0.9...1.0)))
  }

  // MARK: Surveys

  private func survey(known: Pushed?) async throws -> Pushed? {
    session.board.update { $0.activity = .syncing }
    await session.requests.surveyBegins()
    try await session.account.checkRoot()
    let survey = try await AccountSurvey(
      account: session.account, blocked: session.blocked, isDryRun: false, queue: queue,
      selected: known?.work.record.name ?? .inbox
    ).run(connection)
    let pushed = choose(survey, known: known)
    session.account.meter.update {
      $0.mailboxesTotal = survey.mailboxes.count
      $0.mailboxesDone = survey.mailboxes.count - survey.work.count
    }
    var turns: [Int64: WorkQueue.Turn] = [:]
    for work in survey.work where work.record.id != pushed?.work.record.id {
      turns[work.record.id] = await queue.add(work)
    }
    // Its rounds are run here, one after the other: any that ends from now on will do.
    if let pushed { turns[pushed.work.record.id] = 0 }
    for failure in survey.failures {
      session.account.logger.warning("\(failure)", metadata: session.account.metadata())
    }
    try await session.refresh.surveyed()
    let next = session.account.now() + settings.pollInterval.components.seconds
    session.board.update {
      $0.trouble = nil
      $0.nextPoll = next
    }
    await session.onSurvey()
    await session.answer(await session.requests.surveyed(survey, turns: turns))
    return pushed
  }

  /// INBOX where it may get push, else the first mailbox that may.
  private func choose(_ survey: AccountSurvey.Result, known: Pushed?) -> Pushed? {
    let candidates = survey.mailboxes.filter { item in
      settings.pushes(item.record.name, item.listed.entry.delimiter.map { Character(UnicodeScalar($0)) })
    }
    guard let item = candidates.first(where: { $0.record.name.isInbox }) ?? candidates.first else { return nil }
    var work = RoundWork(
      record: item.record, specialUse: item.listed.entry.specialUse,
      location: "\(settings.name)/\(item.record.name)", forgetsCheckpoint: false)
    work.forgetsCheckpoint = survey.work.contains { $0.record.id == item.record.id && $0.forgetsCheckpoint }
    return Pushed(work: work)
  }

  // MARK: Rounds

  private func round(_ pushed: inout Pushed?) async throws {
    guard var current = pushed else { return }
    let id = current.work.record.id
    // One that was no pushed mailbox before may be under way on another connection.
    guard await queue.reserve(id) else {
      await queue.add(current.work)
      pushed?.isDirty = false
      return
    }
    session.board.update { $0.activity = .syncing }
    let result: Result<RoundResult, SyncFailure>
    current.isDirty = false
    do {
      let rounds = RoundRunner(
        account: session.express, connections: session.connections, isDryRun: false, report: runner.report)
      let round = try await rounds.rounds(current.work, connection)
      let record = try await session.account.state.mailbox(id)
      let highest = try await session.account.state.highestUID(of: id)?.value ?? 0
      let isClear = round.notices.isEmpty && record?.checkpoint != nil
      current.next = isClear ? UID(max(record?.checkpoint?.uidNext ?? 1, highest == .max ? highest : highest + 1)) : nil
      current.work.record = record ?? current.work.record
      current.work.forgetsCheckpoint = false
      current.isCurrent = round.notices.allSatisfy { $0.scope == .message }
      current.isUnsettled = round.isStale
      result = .success(round)
    } catch {
      let failure = SyncFailure(
        session.express.failure ?? error, account: settings.name, location: current.work.location)
      guard connection.isOpen, failure.scope != .account, !Task.isCancelled, session.express.failure == nil else {
        await queue.release(id)
        throw session.express.failure ?? error
      }
      // The mailbox's own trouble: it is looked at again with the next survey.
      current.isCurrent = false
      current.next = nil
      result = .failure(failure)
    }
    await queue.release(id)
    pushed = current
    await session.ended(current.work, .max, result)
  }

  /// What came while IDLE said so, without a new selection.
  private func download(_ pushed: Pushed, exists before: UInt32) async throws {
    let now = connection.mailboxState
    guard let next = pushed.next, now.holdsOnlyNews, now.exists > before, now.exists - before <= Self.fewMessages
    else { return }
    let state = session.account.state
    let id = pushed.work.record.id
    if try await state.hasLocalFiles(in: id) { return }
    if try await !state.unpaired(in: id).isEmpty { return }
    let mailbox = try await session.express.mirrored(pushed.work.record, specialUse: pushed.work.specialUse)
    _ = try await PushDownload(account: session.express, connection: connection, mailbox: mailbox, from: next).run()
  }

  /// Does work that the other connections can't do; true where there was any.
  private func detour() async throws -> Bool {
    let began = ContinuousClock.now
    var hasWorked = false
    while ContinuousClock.now - began < Self.longestDetour, case .work(let work, let turn)? = await queue.nextForWatch()
    {
      hasWorked = true
      session.board.update { $0.activity = .syncing }
      let result: Result<RoundResult, SyncFailure>
      do {
        result = .success(try await runner.rounds(work, connection))
      } catch {
        let failure = SyncFailure(
          session.account.pipeline.failure ?? error, account: settings.name, location: work.location)
        guard connection.isOpen, failure.scope != .account, !Task.isCancelled else {
          await queue.giveBack(work)
          throw session.account.pipeline.failure ?? error
        }
        result = .failure(failure)
      }
      await session.ended(work, turn, result)
      await queue.finished(work)
    }
    return hasWorked
  }

  // MARK: Sleep

  private func sleep(
    _ pushed: inout Pushed?, until nextSurvey: NIODeadline, _ idleRefused: inout Bool
  ) async throws -> WakeSignal.Reasons {
    let longest = pushed?.isUnsettled == true ? Self.unsettledPause : Self.longestSleep
    let deadline = min(nextSurvey, .now() + longest)
    guard let current = pushed, current.isCurrent, !current.isDirty, connection.capabilities.hasIdle, !idleRefused
    else {
      let reason = reasonForPolling(pushed, idleRefused)
      session.board.update {
        $0.activity = .idle
        $0.push = .polling(reason: reason)
      }
      let reasons = await session.signal.sleep(until: deadline, on: connection.eventLoop)
      try Task.checkCancellation()
      guard connection.isOpen else { throw ConnectionError.broken("the server ended it") }
      if nextSurvey > .now() { try await connection.noop() }
      return reasons
    }
    let name = current.work.record.name.description
    session.board.update {
      $0.activity = .watching(name)
      $0.push = .idle(mailbox: name)
    }
    let signal = session.signal
    let exists = connection.mailboxState.exists
    let idling = connection.idle { signal.wake(.news) }
    let reasons = await signal.sleep(until: deadline, on: connection.eventLoop)
    // The connection goes with the task: nobody waits for the server's answer.
    try Task.checkCancellation()
    idling.end()
    if reasons.contains(.news) {
      pushed?.isDirty = true
      if connection.isOpen { try await download(current, exists: exists) }
    }
    do {
      try await idling.ended()
    } catch ConnectionError.refused(_, let text) {
      idleRefused = true
      pushed?.isDirty = true
      session.account.logger.notice(
        "\(settings.name): the server refuses IDLE: \(text.text); it is asked at intervals",
        metadata: session.account.metadata())
    }
    return reasons
  }

  private func reasonForPolling(_ pushed: Pushed?, _ idleRefused: Bool) -> String {
    if pushed == nil { return "no mailbox is named for push" }
    if idleRefused { return "the server refuses IDLE" }
    return connection.capabilities.hasIdle
      ? "\(pushed?.work.record.name.description ?? "the mailbox") can't be watched now" : "the server has no IDLE"
  }
}

extension MailboxState {
  /// Nothing was said since the selection but that messages came.
  fileprivate var holdsOnlyNews: Bool {
    vanished.isEmpty && !sawExpunge && flagChanges.isEmpty && !sawOtherFlagChanges
  }
}
