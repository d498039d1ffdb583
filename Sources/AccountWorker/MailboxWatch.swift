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

  /// Servers and the boxes on the way forget connections on which nothing happens (RFC 2177: 29 minutes; many routers
  /// less), and some servers forget to tell: at least this often the mailbox is selected anew.
  private static let longestSleep = TimeAmount.minutes(9)
  /// More than these new messages at once are a round's work, whose pipeline is made for many.
  private static let fewMessages: UInt32 = 64
  /// News that are not new messages are gathered for so long: another program marks or moves many at once.
  private static let gathering = TimeAmount.milliseconds(500)
  /// How long work for other mailboxes may keep the pushed one waiting, where there is one connection for all.
  private static let longestDetour = Duration.seconds(30)

  func run() async throws {
    var pushed: PushedMailbox?
    var nextSurvey = NIODeadline.now()
    var idleRefused = false
    while true {
      try Task.checkCancellation()
      if let failure = session.express.failure { throw failure }
      if nextSurvey <= .now() {
        pushed = try await survey(known: pushed)
        nextSurvey = .now() + pollPause()
      }
      if try await folderTurn(&pushed) { continue }
      if pushed?.isDirty == true { try await round(&pushed) }
      if try await detour() {
        if pushed?.isStopped == false { pushed?.isDirty = true }
        pushed?.isCurrent = false
        continue
      }
      if let pause = try await session.account.timeToSettle() {
        nextSurvey = min(nextSurvey, .now() + TimeAmount(pause))
      }
      let reasons = try await sleep(&pushed, until: nextSurvey, &idleRefused)
      if reasons.contains(.survey) { nextSurvey = .now() }
      if reasons.contains(.time), pushed?.isStopped == false { pushed?.isDirty = true }
    }
  }

  /// Up to a tenth less than the configured interval, so that accounts do not march in step.
  private func pollPause() -> TimeAmount {
    let nanoseconds = Double(TimeAmount(settings.pollInterval).nanoseconds)
    return .nanoseconds(Int64(nanoseconds * Double.random(in: 0.9...1.0)))
  }

  // MARK: Surveys

  private func survey(known: PushedMailbox?) async throws -> PushedMailbox? {
    session.board.update { $0.activity = .syncing }
    await session.requests.surveyBegins()
    try await session.account.checkRoot()
    let survey = try await AccountSurvey(
      account: session.account, blocked: session.blocked, isDryRun: false, queue: queue,
      selected: known?.work.record.name ?? .inbox
    ).run(connection)
    var pushed = choose(survey)
    if let known, known.work.record.id == pushed?.work.record.id { pushed?.unsettled = known.unsettled }
    session.account.meter.update {
      $0.mailboxesTotal = survey.mailboxes.count
      $0.mailboxesDone = survey.mailboxes.count - survey.work.count
    }
    var turns: [Int64: WorkQueue.Turn] = [:]
    for work in survey.work where work.record.id != pushed?.work.record.id {
      turns[work.record.id] = await queue.add(work)
    }
    // Its rounds are run here, one after the other: any that ends from now on will do.
    if let pushed, !pushed.isStopped { turns[pushed.work.record.id] = 0 }
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
    if let began = session.passes.begin(survey.began, turns) {
      await session.removeDeparted(before: began, queue, owning: nil)
    }
    await session.answer(await session.requests.surveyed(survey, turns: turns))
    return pushed
  }

  /// INBOX where it may get push, else the first mailbox that may.
  private func choose(_ survey: AccountSurvey.Result) -> PushedMailbox? {
    let candidates = survey.mailboxes.filter { item in
      settings.pushes(item.record.name, item.listed.entry.delimiter.map { Character(UnicodeScalar($0)) })
        && !session.broken.isTooMany(item.record.id)
    }
    guard let item = candidates.first(where: { $0.record.name.isInbox }) ?? candidates.first else { return nil }
    var work = RoundWork(
      record: item.record, specialUse: item.listed.entry.specialUse,
      location: "\(settings.name)/\(item.record.name)", forgetsCheckpoint: false)
    work.forgetsCheckpoint = survey.work.contains { $0.record.id == item.record.id && $0.forgetsCheckpoint }
    let isStopped = survey.stopped.contains(item.record.id)
    return PushedMailbox(work: work, isDirty: !isStopped, isStopped: isStopped)
  }

  // MARK: Rounds

  private func round(_ pushed: inout PushedMailbox?, hasFolderNews: Bool = false) async throws {
    guard var current = pushed else { return }
    let id = current.work.record.id
    current.isDirty = false
    current.next = nil
    // One that was no pushed mailbox before may be under way on another connection.
    guard await queue.reserve(id) else {
      await queue.add(current.work)
      current.isCurrent = false
      pushed = current
      return
    }
    session.board.update { $0.activity = .syncing }
    let result: Result<RoundResult, SyncFailure>
    do {
      let rounds = RoundRunner(
        account: session.express, connections: session.connections, isDryRun: false, report: runner.report)
      let round = try await rounds.rounds(current.work, connection, hasFolderNews: hasFolderNews)
      try await learn(round, &current)
      result = .success(round)
    } catch {
      await queue.release(id)
      if let failure = session.express.failure { throw failure }
      let failure = SyncFailure(error, account: settings.name, location: current.work.location)
      guard connection.isOpen, failure.scope != .account, !Task.isCancelled else {
        if !connection.isOpen, failure.scope != .account, !Task.isCancelled { session.broken.note(id) }
        throw error
      }
      // The mailbox's own trouble: it is looked at again with the next survey.
      current.isCurrent = false
      current.isStopped = true
      pushed = current
      await session.ended(current.work, .max, .failure(failure), queue, isReserved: false)
      return
    }
    await queue.release(id)
    pushed = current
    await session.ended(current.work, .max, result, queue, isReserved: false)
  }

  /// What the round says of where the mailbox stands.
  private func learn(_ round: RoundResult, _ current: inout PushedMailbox) async throws {
    let id = current.work.record.id
    let record = try await session.account.state.mailbox(id)
    let checkpoint = record?.checkpoint
    if round.notices.isEmpty, let checkpoint, let uidNext = checkpoint.uidNext {
      let highest = try await session.account.state.highestUID(of: id)?.value ?? 0
      if highest < .max { current.next = UID(max(uidNext, highest + 1)) }
    }
    current.work.record = record ?? current.work.record
    current.work.forgetsCheckpoint = false
    current.isCurrent = round.notices.allSatisfy { $0.scope == .message }
    current.exists = UInt32(clamping: checkpoint?.messages ?? 0)
    current.unsettled = round.isStale || round.isWaiting || !current.isCurrent ? current.unsettled + 1 : 0
    let hasBroughtSomething = round.delivered + round.flagsChanged + round.moved + round.departed > 0
    if hasBroughtSomething { current.fruitless = 0 } else if current.isForNews { current.fruitless += 1 }
    current.isForNews = false
  }

  /// What came while IDLE said so, without a new selection; true where there was any.
  private func download(_ pushed: PushedMailbox) async throws -> Bool {
    let now = connection.mailboxState
    let id = pushed.work.record.id
    guard let next = pushed.next, now.holdsOnlyNews, pushed.keepsValidity(now), now.exists > pushed.exists,
      now.exists - pushed.exists <= Self.fewMessages, await queue.reserve(id)
    else { return false }
    let count: Int
    do {
      let mailbox = try await session.express.mirrored(pushed.work.record, specialUse: pushed.work.specialUse)
      count = try await PushDownload(
        account: session.express, connection: connection, mailbox: mailbox, from: next
      ).run()
    } catch {
      await queue.release(id)
      if let failure = session.express.failure { throw failure }
      // The round that follows meets it again, and says so.
      guard connection.isOpen, !Task.isCancelled else { throw error }
      return false
    }
    await queue.release(id)
    return count > 0
  }

  /// Sends what was done in a folder of which the watch has told; true where there was any news.
  private func folderTurn(_ pushed: inout PushedMailbox?) async throws -> Bool {
    guard let (id, _) = session.dirty.take(preferring: pushed?.work.record.id) else { return false }
    try await FolderLooks(account: session.express).run(queue)
    guard settings.policy.direction == .twoWay, try await session.account.state.needsPush(id) else { return true }
    if id == pushed?.work.record.id {
      try await round(&pushed, hasFolderNews: true)
      return true
    }
    guard let record = try await session.account.state.mailbox(id) else { return true }
    let work = RoundWork(
      record: record, specialUse: record.specialUse.flatMap { SpecialUse(rawValue: $0) },
      location: "\(settings.name)/\(record.name)", forgetsCheckpoint: false)
    guard await queue.reserve(id) else {
      await queue.add(work)
      return true
    }
    // It is selected no more.
    if pushed?.isStopped == false { pushed?.isDirty = true }
    pushed?.isCurrent = false
    let rounds = RoundRunner(
      account: session.express, connections: session.connections, isDryRun: false, report: runner.report)
    let result: Result<RoundResult, SyncFailure>
    do { result = .success(try await rounds.rounds(work, connection, hasFolderNews: true)) } catch {
      await queue.release(id)
      if let failure = session.express.failure { throw failure }
      let failure = SyncFailure(error, account: settings.name, location: work.location)
      guard connection.isOpen, failure.scope != .account, !Task.isCancelled else { throw error }
      await session.ended(work, .max, .failure(failure), queue, isReserved: false)
      return true
    }
    await queue.release(id)
    await session.ended(work, .max, result, queue, isReserved: false)
    return true
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
        await queue.finished(work)
        if let failure = session.account.failure { throw failure }
        let failure = SyncFailure(error, account: settings.name, location: work.location)
        guard connection.isOpen, failure.scope != .account, !Task.isCancelled else { throw error }
        await session.ended(work, turn, .failure(failure), queue, isReserved: true)
        continue
      }
      await session.ended(work, turn, result, queue, isReserved: true)
      await queue.finished(work)
    }
    return hasWorked
  }

  // MARK: Sleep

  private func sleep(
    _ pushed: inout PushedMailbox?, until nextSurvey: NIODeadline, _ idleRefused: inout Bool
  ) async throws -> WakeSignal.Reasons {
    var longest = Self.longestSleep
    if let unsettled = pushed?.unsettled, unsettled > 0 { longest = .seconds(Int64(min(5 << min(unsettled, 6), 300))) }
    let deadline = min(nextSurvey, .now() + longest)
    guard let current = pushed, current.isCurrent, connection.capabilities.hasIdle, !idleRefused else {
      return try await sleepWithoutPush(pushed, until: deadline, nextSurvey: nextSurvey, idleRefused)
    }
    // What came between the round's end and now was told then, and would not be told again.
    if current.unsettled == 0, current.fruitless < 3, current.differs(from: connection.mailboxState) {
      pushed?.isDirty = true
      pushed?.isForNews = true
      return []
    }
    let name = current.work.record.name.description
    session.board.update {
      $0.activity = .watching(name)
      $0.push = .idle(mailbox: name)
    }
    let signal = session.signal
    let idling = connection.idle(exists: connection.mailboxState.exists) { signal.wake(.news) }
    var reasons = await signal.sleep(until: deadline, on: connection.eventLoop)
    if reasons.contains(.news) { reasons.formUnion(await gather(current)) }
    // The connection goes with the task: nobody waits for the server's answer.
    try Task.checkCancellation()
    idling.end()
    if reasons.contains(.news) {
      pushed?.isDirty = true
      let hasBroughtSomething = connection.isOpen ? try await download(current) : false
      pushed?.isForNews = !hasBroughtSomething
      if hasBroughtSomething { pushed?.fruitless = 0 }
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

  /// New messages are fetched at once. Other news are given a moment to be complete, and a server whose news come to
  /// nothing is listened to less and less.
  private func gather(_ current: PushedMailbox) async -> WakeSignal.Reasons {
    let isUrgent = connection.mailboxState.exists > current.exists && current.fruitless < 3
    guard connection.isOpen, !isUrgent else { return [] }
    let pause = current.fruitless < 3 ? Self.gathering : .seconds(Int64(min(1 << min(current.fruitless - 2, 6), 60)))
    let end = NIODeadline.now() + pause
    var reasons: WakeSignal.Reasons = []
    while connection.isOpen, !Task.isCancelled, reasons.isDisjoint(with: [.survey, .work, .time]) {
      reasons.formUnion(await session.signal.sleep(until: end, on: connection.eventLoop))
    }
    // Our own end of waiting is none of the reasons to wake.
    return end <= .now() ? reasons.subtracting(.time) : reasons
  }

  private func sleepWithoutPush(
    _ pushed: PushedMailbox?, until deadline: NIODeadline, nextSurvey: NIODeadline, _ idleRefused: Bool
  ) async throws -> WakeSignal.Reasons {
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

  private func reasonForPolling(_ pushed: PushedMailbox?, _ idleRefused: Bool) -> String {
    guard let pushed else { return "no mailbox can be watched" }
    if idleRefused { return "the server refuses IDLE" }
    return connection.capabilities.hasIdle
      ? "\(pushed.work.record.name) can't be watched now" : "the server has no IDLE"
  }
}
