import AccountWorker
import Configuration
import ControlProtocol
import LinuxFiles
import Logging
import Synchronization

/// All accounts at work, and what can be asked of them together. Accounts share nothing but threads and the sockets'
/// budget of bytes in flight.
package actor MirrorDaemon: MirrorControl {
  private struct Member {
    let configuration: AccountConfiguration
    let service: AccountService
    let run: Task<Void, Never>
    let hook: AccountHook?
  }

  private var configuration: MirrorConfiguration
  private let runtime: MirrorRuntime
  private let notifier: ServiceNotifier
  private let version: String
  /// Seconds since 1970.
  private let started: Int64
  private let load: @Sendable () throws(ConfigurationError) -> MirrorConfiguration
  private let expressPool = DiskPool(threads: 2)
  private let feed = ChangeFeed()
  private let ticks = TickHub()
  private var members: [String: Member] = [:]
  private var staleness = StalenessWatch()
  private var isStopping = false
  private var reloading: Task<Result<ReloadResult, ControlError>, Never>?

  /// - Parameter load: reads the configuration again.
  package init(
    _ configuration: MirrorConfiguration, runtime: MirrorRuntime, version: String,
    notifier: ServiceNotifier = ServiceNotifier(),
    load: @escaping @Sendable () throws(ConfigurationError) -> MirrorConfiguration
  ) {
    self.configuration = configuration
    self.runtime = runtime
    self.notifier = notifier
    self.version = version
    started = runtime.resources.clock.now().seconds
    self.load = load
  }

  // MARK: Its life

  package func start() {
    for account in configuration.accounts { start(account) }
  }

  private func start(_ account: AccountConfiguration, isPaused: Bool = false) {
    guard !isStopping else { return }
    let ticks = ticks
    let hook = account.onChange.map { words in
      AccountHook(
        HookRunner(
          account: account.name, command: runtime.hook(words, of: configuration), logger: runtime.resources.logger))
    }
    let relay = ChangeRelay(feed: feed, pool: runtime.resources.pool, hook: hook)
    let service = AccountService(
      runtime.settings(account), resources: runtime.resources, expressPool: expressPool, isPaused: isPaused,
      onStatus: { ticks.tick() }, report: { relay.report($0) })
    let run = Task { await service.run() }
    members[account.name] = Member(configuration: account, service: service, run: run, hook: hook)
  }

  /// Ends all work; returns when every account is closed.
  package func stop() async {
    isStopping = true
    let all = members.values
    members = [:]
    for member in all { member.run.cancel() }
    await withDiscardingTaskGroup { group in
      for member in all {
        group.addTask { await member.run.value }
        if let hook = member.hook { group.addTask { await hook.stop() } }
      }
    }
    feed.end()
    ticks.end()
  }

  /// Returns when every worker has answered, with what has hung for long in which account.
  package func hungLoops() async -> [(account: String, loop: String)] {
    var hung: [(String, String)] = []
    for (name, member) in members { hung += await member.service.hungLoops().map { (name, $0) } }
    return hung
  }

  /// Accounts at rest let go of what they can read again.
  package func releaseMemory() async {
    for member in members.values { await member.service.releaseMemory() }
  }

  /// Tells of accounts that have not been current for too long, and of those that are again.
  package func lookForStaleness() {
    let statuses = members.values.map { member in
      (status: member.service.status, bound: StalenessWatch.bound(pollInterval: member.configuration.pollInterval))
    }
    let now = runtime.resources.clock.now().seconds
    for news in staleness.look(at: statuses, now: .now, time: now) {
      switch news {
      case .stale(let name, let since):
        let reason = "not current since \(timestamp(since))"
        runtime.resources.logger.warning(
          "\(name): \(reason); mailmirror status \(name) says why", metadata: ["ACCOUNT": "\(name)"])
        feed.publish(MailChange(account: name, mailbox: "", kind: .stale, time: timestamp(now), reason: reason))
      case .currentAgain(let name):
        runtime.resources.logger.notice("\(name): current again", metadata: ["ACCOUNT": "\(name)"])
      }
      ticks.tick()
    }
  }

  package func surroundingsChanged(_ change: SurroundingsChange) async {
    for member in members.values { await member.service.surroundingsChanged(change) }
  }

  /// One line for a service manager: `3 accounts: 2 current, 1 failing`.
  package var summary: String {
    let reports = configuration.accounts.compactMap { report(of: $0) }
    let states = Dictionary(grouping: reports, by: \.state).mapValues(\.count)
    let words: [(StatusReport.State, String)] = [
      (.ok, "current"), (.new, "new"), (.held, "waiting for you"), (.paused, "paused"), (.failing, "failing"),
      (.stopped, "stopped"),
    ]
    let parts = words.compactMap { state, word in states[state].map { "\($0) \(word)" } }
    let stale = reports.filter { $0.stale != nil }.map(\.name).sorted()
    return "\(counted(reports.count, "account")): \(parts.joined(separator: ", "))"
      + (stale.isEmpty ? "" : "; not current for long: \(stale.joined(separator: ", "))")
  }

  // MARK: What can be asked of it

  package func status(of accounts: [String]?) throws(ControlError) -> [StatusReport.Account] {
    try configuration.select(accounts ?? []).compactMap { report(of: $0.account) }
  }

  private func report(of account: AccountConfiguration) -> StatusReport.Account? {
    members[account.name].map { member in
      StatusReport.Account(
        member.service.status, configuration: account, staleSince: staleness.since(account.name))
    }
  }

  package nonisolated func statusChanges() -> AsyncStream<Void> { ticks.stream() }

  package func mailboxes(of account: String?) async throws(ControlError) -> [ListedMailbox] {
    var listed: [ListedMailbox] = []
    for selected in try configuration.select(account.map { [$0] } ?? []) {
      listed += try await AccountActions.mailboxes(of: selected.account, in: configuration)
    }
    return listed
  }

  package func sync(
    _ targets: [String]?, dryRun: Bool, progress: @escaping @Sendable (ProgressReport) -> Void
  ) async throws(ControlError) -> [SyncResult] {
    let selected = try configuration.select(targets ?? [])
    let work = selected.compactMap { item in members[item.account.name].map { (item, $0.service) } }
    let results = await withTaskGroup(of: SyncResult.self) { group in
      for (item, service) in work {
        group.addTask {
          let teller = Task { await Self.tell(progress, of: service) }
          let outcome = await service.sync(only: item.mailboxes, dryRun: dryRun)
          teller.cancel()
          return SyncResult(outcome, isDryRun: dryRun)
        }
      }
      return await group.reduce(into: [String: SyncResult]()) { $0[$1.account] = $1 }
    }
    return work.compactMap { results[$0.0.account.name] }
  }

  /// Tells how far an account has come since now, until the task is cancelled.
  private static func tell(_ progress: @Sendable (ProgressReport) -> Void, of service: AccountService) async {
    let before = service.status.progress
    var last: ProgressReport?
    while !Task.isCancelled {
      if let now = service.status.progress {
        var report = ProgressReport(now)
        if let before {
          report.messagesDone -= before.messagesDone
          report.messagesTotal -= before.messagesDone
          report.octets -= before.octets
          report.sent -= before.messagesSent
          report.toSend -= before.messagesSent
        }
        if report != last { progress(report) }
        last = report
      }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  package func verify(
    _ accounts: [String]?, full: Bool, repair: Bool
  ) async throws(ControlError) -> [VerifyResult] {
    var results: [VerifyResult] = []
    for selected in try configuration.select(accounts ?? []) {
      guard let member = members[selected.account.name] else { continue }
      let found = await member.service.verify(full: full, repair: repair)
      results.append(VerifyResult(account: selected.account.name, found.reports, found.failures))
    }
    return results
  }

  package func holds(of accounts: [String]?) async throws(ControlError) -> [HeldChanges] {
    let selected = try configuration.select(accounts ?? [])
    return try await HoldActions(configuration: configuration, pool: runtime.resources.pool).list(selected)
  }

  package func decide(_ decision: HoldDecision, on holds: [String]?) async throws(ControlError) -> DecisionResult {
    let services = members.mapValues(\.service)
    return try await HoldActions(configuration: configuration, pool: runtime.resources.pool).decide(
      decision, on: holds
    ) { account, numbers in
      await services[account.name]?.decide(decision, on: numbers) ?? DecidedHolds()
    }
  }

  package func history(of message: String?, limit: Int) async throws(ControlError) -> MessageHistory {
    try await HistoryActions(configuration: configuration, pool: runtime.resources.pool).history(
      of: message, limit: limit)
  }

  package func restorable(in account: String?) async throws(ControlError) -> [RestorableMessage] {
    let selected = try configuration.select(account.map { [$0] } ?? [])
    return try await RestoreActions(configuration: configuration, pool: runtime.resources.pool).list(selected)
  }

  package func restore(_ messages: [String]) async throws(ControlError) -> RestoreResult {
    let services = members.mapValues(\.service)
    return try await RestoreActions(configuration: configuration, pool: runtime.resources.pool).restore(messages) {
      account, entries in
      await services[account.name]?.restore(entries) ?? ([], [])
    }
  }

  package func pause(_ accounts: [String]?) async throws(ControlError) -> [String] {
    for selected in try configuration.select(accounts ?? []) { await members[selected.account.name]?.service.pause() }
    return paused
  }

  package func resume(_ accounts: [String]?) async throws(ControlError) -> [String] {
    for selected in try configuration.select(accounts ?? []) { await members[selected.account.name]?.service.resume() }
    return paused
  }

  private var paused: [String] {
    configuration.accounts.map(\.name).filter { members[$0]?.service.isPausedNow == true }
  }

  package nonisolated func changes(of accounts: [String]?) -> ChangeStream { feed.listen(to: accounts) }

  package func metrics() async -> String {
    OpenMetrics.text(
      configuration.accounts.compactMap { report(of: $0) }, version: version, process: .current(started: started))
  }

  // MARK: Reloading

  /// One at a time: who asks while one is under way gets the next.
  package func reload() async throws(ControlError) -> ReloadResult {
    let before = reloading
    let next = Task { () -> Result<ReloadResult, ControlError> in
      _ = await before?.value
      return await self.reloadNow()
    }
    reloading = next
    return try await next.value.get()
  }

  private func reloadNow() async -> Result<ReloadResult, ControlError> {
    notifier.reloading()
    let result = await reread()
    notifier.ready(status: summary)
    if case .success(let touched) = result {
      runtime.resources.logger.notice("configuration read again: \(touched.summary)")
    }
    return result
  }

  private func reread() async -> Result<ReloadResult, ControlError> {
    let load = load
    let new: MirrorConfiguration
    do {
      new = try await runtime.resources.pool.run { try load() }
    } catch let error as ConfigurationError {
      return .failure(.invalidConfiguration(error.problems.map(\.description)))
    } catch {
      return .failure(.failed(location: configuration.file, what: "\(error)", remedy: "try again"))
    }
    if let problem = whatNeedsARestart(new) { return .failure(.invalidConfiguration([problem])) }
    var result = ReloadResult()
    let old = configuration
    configuration = new
    let names = Set(new.accounts.map(\.name))
    for account in old.accounts where !names.contains(account.name) {
      result.removed.append(account.name)
      await end(account.name)
    }
    for account in new.accounts {
      guard let member = members[account.name] else {
        result.added.append(account.name)
        start(account)
        continue
      }
      guard member.configuration != account else { continue }
      result.changed.append(account.name)
      let isPaused = member.service.isPausedNow
      await end(account.name)
      start(account, isPaused: isPaused)
    }
    ticks.tick()
    return .success(result)
  }

  private func whatNeedsARestart(_ new: MirrorConfiguration) -> String? {
    let changes = [
      ("state_dir", new.stateDirectory != configuration.stateDirectory),
      ("socket", new.socketPath != configuration.socketPath),
      ("log_level", new.logLevel != configuration.logLevel),
    ]
    let keys = changes.filter(\.1).map(\.0)
    guard !keys.isEmpty else { return nil }
    return "\(new.file): \(keys.joined(separator: " and ")) cannot change while the daemon runs; restart it"
  }

  private func end(_ name: String) async {
    guard let member = members.removeValue(forKey: name) else { return }
    member.run.cancel()
    await member.run.value
    await member.hook?.stop()
  }
}

/// Tells all who wait that something has changed.
private final class TickHub: Sendable {
  private struct State {
    var streams: [Int: AsyncStream<Void>.Continuation] = [:]
    var next = 0
    var isEnded = false
  }

  private let state = Mutex(State())

  func stream() -> AsyncStream<Void> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let id = state.withLock { state -> Int? in
        guard !state.isEnded else { return nil }
        state.next += 1
        state.streams[state.next] = continuation
        return state.next
      }
      guard let id else { return continuation.finish() }
      continuation.onTermination = { [weak self] _ in self?.state.withLock { state in state.streams[id] = nil } }
    }
  }

  func tick() { for stream in state.withLock({ Array($0.streams.values) }) { stream.yield() } }

  func end() {
    let streams = state.withLock { state in
      state.isEnded = true
      return Array(state.streams.values)
    }
    for stream in streams { stream.finish() }
  }
}
