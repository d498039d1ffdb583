import IMAPProtocol
import LinuxFiles
import Logging
import MailConnections
import MailModel
import NIOCore
import SyncState

/// The loop of the watching connection: survey, turns of the mailboxes that became dirty, work that no other connection
/// can do, sleep. Events only say what is dirty; one thing is done at a time.
struct MailboxWatch {
  let session: AccountSession
  let connection: IMAPConnection
  let queue: WorkQueue
  let runner: RoundRunner
  private let mailboxes: WatchedMailboxes
  private let turn: MailboxTurn
  private let further: FurtherWatches

  /// Where the watch stands.
  private struct Place {
    /// The mailbox that is selected, or is to be.
    var pushed: PushedMailbox?
    var nextSurvey = NIODeadline.now()
    var ladder: PushLadder
    var pace: PollPace
    var told = ToldSurveys()
  }

  private var settings: AccountSettings { session.account.settings }

  /// How long work for other mailboxes may keep the pushed one waiting, where there is one connection for all.
  private static let longestDetour = Duration.seconds(30)

  init(
    session: AccountSession, connection: IMAPConnection, queue: WorkQueue, runner: RoundRunner, further: FurtherWatches
  ) {
    self.session = session
    self.connection = connection
    self.queue = queue
    self.runner = runner
    self.further = further
    mailboxes = WatchedMailboxes(session, queue)
    turn = MailboxTurn(session: session, connection: connection, queue: queue, report: runner.report)
  }

  func run() async throws {
    var place = Place(
      ladder: PushLadder(connection.capabilities), pace: PollPace(interval: settings.pollInterval))
    while true {
      try Task.checkCancellation()
      if let failure = session.express.failure { throw failure }
      // Before the mailboxes are looked at, so that nothing falls between the look and what is told from then on.
      if try await setNotify(&place) { place.nextSurvey = .now() }
      if place.nextSurvey <= .now() { try await survey(&place) }
      if place.pushed?.isDirty == true { try await round(&place) }
      if try await readNotices(&place) { continue }
      if let next = session.dirty.take(preferring: place.pushed?.id) {
        try await take(next.mailbox, next.reasons, &place)
        continue
      }
      if try await detour() {
        if place.pushed?.isStopped == false { place.pushed?.isDirty = true }
        place.pushed?.isCurrent = false
        continue
      }
      if let pause = try await session.account.timeToSettle(isPatient: true) {
        place.nextSurvey = min(place.nextSurvey, .now() + TimeAmount(pause))
      }
      let reasons = try await sleep(&place)
      if reasons.contains(.survey) { place.nextSurvey = .now() }
      if let current = place.pushed, current.nextRound <= .now(), !current.isStopped { place.pushed?.isDirty = true }
    }
  }

  // MARK: What the server tells

  /// Has the server tell of all mailboxes where it can; true where it does so from now on only.
  private func setNotify(_ place: inout Place) async throws -> Bool {
    guard let request = place.ladder.request(others: foreignMailboxes()) else { return false }
    let notices = session.notices
    do {
      try await connection.notify(request) { notices.receive($0) }
      place.ladder.isSet(request)
      return true
    } catch ConnectionError.refused(_, let text) {
      place.ladder.notifyRefused(text.text)
      session.account.logger.notice(
        "\(settings.name): the server refuses NOTIFY: \(text.text); going on without it",
        metadata: session.account.metadata())
      return false
    }
  }

  /// Mailboxes that are not the user's own.
  private func foreignMailboxes() -> [MailboxName] {
    guard let spaces = connection.facts.namespaces else { return [] }
    let prefixes = (spaces.others + spaces.shared).map(\.prefix.wire).filter { !$0.isEmpty }
    return mailboxes.names.filter { name in prefixes.contains { name.wire.starts(with: $0) } }
  }

  /// True where the server has told something that is to be acted upon.
  private func readNotices(_ place: inout Place) async throws -> Bool {
    try await mailboxes.readStatuses(session.notices)
    let told = session.notices.takeRest()
    if told.hasOverflowed, place.ladder.overflowed() {
      session.account.logger.notice(
        "\(settings.name): the server has ceased to tell of changes (NOTIFICATIONOVERFLOW); all mailboxes are looked at",
        metadata: session.account.metadata())
    }
    if told.wantsSurvey { place.nextSurvey = min(place.nextSurvey, place.told.asked()) }
    if told.isOfSelected, let current = place.pushed, MailboxListening.hasUnheardNews(current, connection) {
      place.pushed?.isDirty = true
      place.pushed?.isForNews = true
    }
    let isDue = told.wantsSurvey && place.nextSurvey <= .now()
    if told.wantsSurvey, !isDue { session.notices.planSurvey() }
    return isDue || place.pushed?.isDirty == true
  }

  // MARK: Surveys

  private func survey(_ place: inout Place) async throws {
    session.board.update { $0.activity = .syncing }
    await session.requests.surveyBegins()
    session.notices.surveyBegins()
    try await session.account.checkRoot()
    session.dirty.clear([.server, .losses])
    let known = place.pushed
    let survey = try await AccountSurvey(
      account: session.account, blocked: session.blocked, isDryRun: false, queue: queue,
      selected: known?.work.record.name ?? .inbox
    ).run(connection)
    let namesBefore = Set(mailboxes.names)
    mailboxes.surveyed(survey)
    place.told.looked(foundSomething: survey.foundNews(known?.id) || Set(mailboxes.names) != namesBefore)
    var pushed = candidates(survey).first
    if let known, known.id == pushed?.id { pushed?.unsettled = known.unsettled }
    place.pushed = pushed
    session.account.meter.update {
      $0.mailboxesTotal = survey.mailboxes.count
      $0.mailboxesDone = survey.mailboxes.count - survey.work.count
    }
    var turns: [Int64: WorkQueue.Turn] = [:]
    for work in survey.work where work.record.id != pushed?.id {
      turns[work.record.id] = await queue.add(work)
    }
    // Its rounds are run here, one after the other: any that ends from now on will do.
    if let pushed, !pushed.isStopped { turns[pushed.id] = 0 }
    for failure in survey.failures {
      session.account.logger.warning("\(failure)", metadata: session.account.metadata())
    }
    if place.ladder.tellsOfAll, session.account.facts.areFoldersWatched {
      place.pace.relax()
    } else {
      place.pace.looked(foundNews: survey.foundNews(known?.id))
    }
    place.nextSurvey = .now() + place.pace.next(share: Double.random(in: 0...1))
    try await session.refresh.surveyed()
    let next = session.account.now() + (place.nextSurvey - .now()).nanoseconds / 1_000_000_000
    session.board.update {
      $0.trouble = nil
      $0.nextPoll = next
    }
    await session.onSurvey()
    if let began = session.passes.begin(survey.began, turns) {
      await session.removeDeparted(before: began, queue, owning: nil)
    }
    await session.answer(await session.requests.surveyed(survey, turns: turns))
    await further.watch(
      place.ladder.tellsOfAll || !place.ladder.hasUsableIdle ? [] : candidates(survey).filter { $0.id != pushed?.id })
  }

  /// The mailboxes that may get push of their own, INBOX first.
  private func candidates(_ survey: AccountSurvey.Result) -> [PushedMailbox] {
    let found = survey.mailboxes.filter { item in
      settings.pushes(item.record.name, item.listed.entry.delimiter.map { Character(UnicodeScalar($0)) })
        && !session.broken.isTooMany(item.record.id)
    }
    let inOrder = found.filter { $0.record.name.isInbox } + found.filter { !$0.record.name.isInbox }
    return inOrder.map { item in
      let work = mailboxes[item.record.id] ?? mailboxes.work(for: item)
      let isStopped = survey.stopped.contains(item.record.id)
      return PushedMailbox(work: work, isDirty: !isStopped, isStopped: isStopped)
    }
  }

  // MARK: Turns

  private func round(_ place: inout Place) async throws {
    guard var current = place.pushed else { return }
    try await turn.run(&current)
    place.pushed = current
  }

  private func take(_ id: Int64, _ reasons: DirtyMailboxes.Reasons, _ place: inout Place) async throws {
    let isSelected = id == place.pushed?.id
    guard let work = mailboxes[id], !session.broken.isTooMany(id) else { return }
    var current = isSelected ? place.pushed ?? PushedMailbox(work: work) : PushedMailbox(work: work, turn: .min)
    if reasons.contains(.folder) {
      let hasSomething = try await turn.scan(&current)
      guard hasSomething || !reasons.isDisjoint(with: [.server, .losses]) else { return }
    }
    if isSelected {
      guard !current.isStopped else { return }
      current.isDirty = true
      place.pushed = current
      return
    }
    current.isForNews = reasons.isDisjoint(with: .folder)
    let hasVisited = try await turn.visit(&current)
    mailboxes.visited(current)
    guard var pushed = place.pushed, !pushed.isStopped else { return }
    try await turn.resume(&pushed)
    place.pushed = pushed
    if hasVisited, !current.isStopped, place.ladder.tellsOfAll { try await mailboxes.left(current, connection) }
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
        result = .success(try await runner.rounds(work, connection, queue))
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

  private func sleep(_ place: inout Place) async throws -> WakeSignal.Reasons {
    let silence = min(MailboxListening.longestSilence, TimeAmount(settings.endpoint.timeout))
    var deadline = min(place.nextSurvey, .now() + silence)
    if let current = place.pushed, !current.isStopped { deadline = min(deadline, current.nextRound) }
    if let nextTry = place.ladder.nextTry { deadline = min(deadline, nextTry) }
    let (session, mailboxes) = (session, mailboxes)
    let listening = MailboxListening(connection: connection, signal: session.signal, turn: turn) { reasons in
      guard reasons == .dirty else { return true }
      return try await mailboxes.hasNews(session.notices)
    }
    guard var current = place.pushed, current.isCurrent, place.ladder.hasUsableIdle else {
      return try await sleepWithoutIdle(&place, listening, until: deadline)
    }
    if MailboxListening.hasUnheardNews(current, connection) {
      place.pushed?.isDirty = true
      place.pushed?.isForNews = true
      return []
    }
    let name = current.work.record.name.description
    further.publish(main: name, reason: place.ladder.reason)
    let end = try await listening.idle(&current, until: deadline)
    place.pushed = current
    switch end {
    case .woken(let reasons): return reasons
    case .refused(let text):
      place.ladder.idleRefused()
      session.account.logger.notice(
        "\(settings.name): the server refuses IDLE: \(text); it is asked at intervals",
        metadata: session.account.metadata())
      return []
    }
  }

  private func sleepWithoutIdle(
    _ place: inout Place, _ listening: MailboxListening, until deadline: NIODeadline
  ) async throws -> WakeSignal.Reasons {
    let reason = reasonForPolling(place)
    let tellsOfAll = place.ladder.tellsOfAll
    session.board.update {
      $0.activity = tellsOfAll ? .watchingAll : .idle
      $0.push = tellsOfAll ? .notify : .polling(reason: reason)
    }
    let reasons = try await listening.wait(until: deadline, asks: place.nextSurvey > .now())
    if let current = place.pushed, current.isCurrent, MailboxListening.hasUnheardNews(current, connection) {
      place.pushed?.isDirty = true
      place.pushed?.isForNews = true
    }
    return reasons
  }

  private func reasonForPolling(_ place: Place) -> String {
    if let trouble = place.ladder.idleTrouble { return trouble }
    guard let pushed = place.pushed else { return "no mailbox can be watched" }
    return "\(pushed.work.record.name) can't be watched now"
  }
}
