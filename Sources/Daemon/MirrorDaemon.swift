import AccountWorker
import Configuration
import ControlProtocol
import LinuxFiles
import Logging

/// All accounts at work, and what can be asked of them together. Accounts share nothing but threads and the sockets'
/// budget of bytes in flight.
package actor MirrorDaemon {
  struct Member {
    let configuration: AccountConfiguration
    let service: AccountService
    let run: Task<Void, Never>
    let hook: AccountHook?
  }

  private(set) var configuration: MirrorConfiguration
  let runtime: MirrorRuntime
  private let notifier: ServiceNotifier
  let version: String
  /// Seconds since 1970.
  let started: Int64
  private let load: @Sendable () throws(ConfigurationError) -> MirrorConfiguration
  private let expressPool = DiskPool(threads: 2)
  let feed = ChangeFeed()
  let ticks = TickHub()
  private(set) var members: [String: Member] = [:]
  private(set) var staleness = StalenessWatch()
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
