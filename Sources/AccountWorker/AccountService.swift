import LinuxFiles
import Logging
import MailModel
import NIOCore
import SyncState

/// One account's worker in the daemon: keeps the account open and connected for as long as it runs, tries again when
/// something ends that, and tells how it stands. Its trouble is its own.
package actor AccountService {
  let settings: AccountSettings
  let resources: AccountWorker.Resources
  /// Few threads that bulk never uses.
  private let expressPool: DiskPool
  let board: StatusBoard
  private let meter: ProgressMeter
  let requests: SyncRequests
  let signal: WakeSignal
  private let dirty: DirtyMailboxes
  let report: @Sendable ([MessageChange]) -> Void
  private let lines = OpenConnections()

  private(set) var isPaused: Bool
  /// How many things want the account to be closed for a while.
  private var asides = 0
  private var life: Task<(any Error)?, Never>?
  private(set) var open: (account: OpenAccount, express: OpenAccount)?
  private var backoff = Backoff()
  private var lastPause = Duration.zero
  /// What the account waits for its next try after.
  private var waitsAfter: Backoff.Cause?
  /// Its life ends to begin anew at once.
  private var isRestarting = false
  private var lastSurroundings: ContinuousClock.Instant?
  /// When this life was through with its first survey.
  private var surveyed: ContinuousClock.Instant?
  private let broken = BrokenRounds()
  private var lastAside: Task<Void, Never>?
  private let loops = SupervisedLoops()

  /// - Parameters:
  ///   - onStatus: called on any thread when the status has changed.
  ///   - report: told what changed in the folders.
  package init(
    _ settings: AccountSettings, resources: AccountWorker.Resources, expressPool: DiskPool, isPaused: Bool = false,
    onStatus: @escaping @Sendable () -> Void, report: @escaping @Sendable ([MessageChange]) -> Void
  ) {
    self.settings = settings
    self.resources = resources
    self.expressPool = expressPool
    self.isPaused = isPaused
    self.report = report
    let signal = WakeSignal(claim: resources.way.makeClaim())
    self.signal = signal
    dirty = DirtyMailboxes(signal: signal)
    let board = StatusBoard(name: settings.name, onChange: onStatus)
    self.board = board
    meter = ProgressMeter(account: settings.name) { progress in board.update { $0.progress = progress } }
    requests = SyncRequests(account: settings.name, meter: meter)
  }

  package nonisolated var status: AccountStatus {
    var status = board.current
    let octets = lines.traffic
    let done = meter.current
    status.compressionTrouble = settings.endpoint.compression.trouble
    status.traffic = .init(
      received: octets.received, sent: octets.sent, messagesDelivered: done.messagesDone,
      messagesSent: done.messagesSent)
    return status
  }
  package nonisolated var isPausedNow: Bool { board.current.activity == .paused }

  // MARK: What can be told it

  package func pause() async {
    isPaused = true
    board.update { ($0.activity, $0.trouble, $0.nextPoll) = (.paused, nil, nil) }
    await endLife()
    if isPaused { board.update { $0.activity = .paused } }
    await requests.failAll(pausedFailure)
  }

  package func resume() {
    guard isPaused else { return }
    isPaused = false
    backoff.reset()
    board.update { $0.activity = .starting }
    signal.wake(.survey)
  }

  /// Lets go of what can be read again, where nothing is under way.
  package func releaseMemory() async {
    guard board.current.activity != .syncing, let account = open?.account else { return }
    await account.state.releaseMemory()
  }

  /// What of it has hung for long, in words; it answers only where it does not hang itself.
  package func hungLoops() -> [String] { loops.hung() }

  /// Connects anew, tries again or looks whether the line is still there, as it stands.
  package func surroundingsChanged(_ change: SurroundingsChange) async {
    lastSurroundings = .now
    // A program that gives a password may have wanted the network, too.
    await settings.endpoint.credentials.tryAgain()
    if let waitsAfter {
      guard waitsAfter == .network || waitsAfter == .noPassword else { return }
      backoff.reset()
      return signal.wake(.survey)
    }
    switch change {
    case .network(let addresses) where board.current.activity.hasConnection:
      lines.doubt(addresses: addresses)
      signal.wake(.survey)
    case .network, .resumed:
      guard let life else { return }
      isRestarting = true
      stopPipelines()
      life.cancel()
    }
  }

  /// - Parameter lasted: how long the try took that came to nothing.
  private func ownPause(after cause: Backoff.Cause, lasted: Duration) -> Duration {
    let pause = backoff.pause(after: cause, jitter: Double.random(in: 0...1), lasted: lasted)
    guard cause == .network, let lastSurroundings, .now - lastSurroundings < Self.unrest else { return pause }
    return min(pause, Self.pauseInUnrest)
  }

  /// Names can be looked up only some seconds after a machine wakes or gets its address.
  private static let (unrest, pauseInUnrest) = (Duration.seconds(60), Duration.seconds(4))

  /// Runs something that opens the account itself; one thing at a time.
  func aside<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
    asides += 1
    let before = lastAside
    let task = Task { () -> Value in
      await before?.value
      await endLife()
      board.update { $0.activity = .starting }
      return await loops.run("what was asked of it") { await work() }
    }
    lastAside = Task { _ = await task.value }
    let value = await task.value
    asides -= 1
    signal.wake(.survey)
    return value
  }

  /// The group under way is finished; nothing else is begun.
  private func endLife() async {
    open?.account.pipeline.stop()
    open?.express.pipeline.stop()
    life?.cancel()
    _ = await life?.value
  }

  // MARK: Its life

  /// Runs until the task is cancelled, and returns when all is closed.
  package func run() async {
    let eventLoop = resources.group.next()
    while !Task.isCancelled {
      guard !isPaused, asides == 0 else {
        if isPaused { board.update { $0.activity = .paused } }
        _ = await signal.sleep(until: .distantFuture, on: eventLoop)
        continue
      }
      surveyed = nil
      let began = ContinuousClock.now
      let life = Task { await live() }
      self.life = life
      let error = await withTaskCancellationHandler {
        await life.value
      } onCancel: {
        life.cancel()
        Task { await self.stopPipelines() }
      }
      self.life = nil
      open = nil
      board.update { ($0.push, $0.folders, $0.nextPoll) = (.unknown, .unknown, nil) }
      // Only a session that lasted shows that what ended the one before is over.
      if let surveyed, .now - surveyed > max(.seconds(60), lastPause * 2) { backoff.reset() }
      let isToRestart = isRestarting
      isRestarting = false
      guard !Task.isCancelled, !isPaused, asides == 0, !isToRestart, let error else {
        // Those who wait for a sync get it from the next life.
        await requests.restart()
        continue
      }
      await waitForNextTry(after: error, begun: began, on: eventLoop)
    }
    await requests.end(SyncFailure(CancellationError(), account: settings.name, location: settings.name))
  }

  private func stopPipelines() {
    open?.account.pipeline.stop()
    open?.express.pipeline.stop()
  }

  private func waitForNextTry(
    after error: any Error, begun: ContinuousClock.Instant, on eventLoop: any EventLoop
  ) async {
    let failure = SyncFailure(error, account: settings.name, location: settings.name)
    let cause = Backoff.Cause(error)
    let lasted = surveyed == nil ? ContinuousClock.now - begun : .zero
    let pause = max(suggestedPause(error, failure.what) ?? .zero, ownPause(after: cause, lasted: lasted))
    lastPause = pause
    let now = resources.clock.now().seconds
    // Rounded up: nobody should see a time at which nothing happens yet.
    let nextTry = now + pause.components.seconds + 1
    board.update { status in
      status.activity = .waiting
      let isSame = status.trouble?.failure == failure
      status.trouble = .init(
        failure: failure, isStop: cause == .local && failure.retry == .never, isWait: failure.isWait,
        since: isSame ? status.trouble?.since ?? now : now, nextTry: nextTry, kind: cause.rawValue)
    }
    resources.logger.warning(
      "\(failure); next try in \(max(1, pause.components.seconds)) s", metadata: ["ACCOUNT": "\(settings.name)"])
    signal.clear(.survey)
    waitsAfter = cause
    defer { waitsAfter = nil }
    await requests.failAll(failure)
    // Only somebody's wish to sync, or a change around us, shortens the pause.
    let deadline = NIODeadline.now() + TimeAmount(pause)
    while !Task.isCancelled, !isPaused, asides == 0 {
      let reasons = await signal.sleep(until: deadline, on: eventLoop)
      if reasons.contains(.time) && deadline <= .now() || reasons.contains(.survey) { return }
    }
  }

  /// Opens the account, works until something ends it, and closes it; returns what ended it.
  private func live() async -> (any Error)? {
    if board.current.trouble == nil { board.update { $0.activity = .starting } }
    do {
      let (account, lock) = try await loops.run("opening") {
        try await AccountOpening(
          settings: settings, pool: resources.pool, clock: resources.clock, logger: resources.logger, report: report,
          watches: resources.watches
        ).open(meter: meter)
      }
      let error = await work(account)
      lock.release()
      return error
    } catch {
      return error
    }
  }

  private func work(_ account: OpenAccount) async -> any Error {
    let account =
      settings.drain == nil
      ? account.watched(resources: resources, board: board, dirty: dirty, signal: signal) : account
    defer { account.folderWatch?.stop() }
    let express = account.express(pool: expressPool)
    open = (account, express)
    if Task.isCancelled { stopPipelines() }
    let refresh = StatusRefresh(state: account.state, board: board)
    let ended: any Error
    do {
      let blocked = try await loops.run("recovery") {
        try await refresh.all()
        return try await inOwnTask { try await Recovery(account: account).run() }
      }
      if let drain = settings.drain {
        if let failure = blocked.values.first { throw failure }
        try await loops.run("the drain") {
          try await DrainSession(
            account: account, drain: drain, resources: resources, board: board, lines: lines, refresh: refresh,
            requests: requests, signal: signal, onVisit: { await self.noteSurvey() }
          ).run()
        }
      } else {
        try await AccountSession(
          account: account, express: express,
          connections: ConnectionSource(settings: settings, resources: resources, board: board, lines: lines),
          blocked: blocked, board: board, refresh: refresh, requests: requests, signal: signal,
          dirty: dirty, broken: broken, loops: loops,
          notices: ServerNotices(signal: signal, selection: settings.selection), onSurvey: { await self.noteSurvey() }
        ).run()
      }
      ended = CancellationError()
    } catch {
      ended = express.failure ?? error
    }
    await loops.run("closing") { await account.close(express, refresh, after: ended) }
    return ended
  }

  private func noteSurvey() { if surveyed == nil { surveyed = .now } }
}
