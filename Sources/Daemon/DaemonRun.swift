import AccountWorker
import ChildProcesses
import Configuration
import ControlProtocol
import Dispatch
import Glibc
import LinuxFiles
import Logging

/// `mailmirror daemon`: everything together, from the first lock to the last close.
package struct DaemonRun: Sendable {
  private let configuration: MirrorConfiguration
  private let environment: [String: String]
  private let logger: Logger
  private let version: String
  private let notifier = ServiceNotifier()
  private let load: @Sendable () throws(ConfigurationError) -> MirrorConfiguration

  /// Whatever happens, the process is gone this long after it was asked to end: an end at any moment loses nothing.
  private static let longestEnd = DispatchTimeInterval.milliseconds(1_700)

  private static let statusPause = Duration.seconds(1)
  private static let quiet = Duration.seconds(5)
  private static let longestBusy = Duration.seconds(60)
  /// Octets that are not worth the trouble.
  private static let growth = 4 << 20

  package init(
    _ configuration: MirrorConfiguration, environment: [String: String], version: String, logger: Logger,
    load: @escaping @Sendable () throws(ConfigurationError) -> MirrorConfiguration
  ) {
    self.configuration = configuration
    self.environment = environment
    self.version = version
    self.logger = logger
    self.load = load
  }

  /// Runs until SIGTERM or SIGINT.
  package func run() async throws(ControlError) {
    let signals = SignalStream([SIGTERM, SIGINT, SIGHUP])
    let lock: DaemonLock
    do { lock = try DaemonLock(stateDirectory: configuration.stateDirectory) } catch {
      throw .failed(location: error.location, what: error.what, remedy: error.remedy)
    }
    let runtime = await MirrorRuntime(configuration, environment: environment, logger: logger, eventLoops: 2).watching()
    let daemon = MirrorDaemon(
      configuration, runtime: runtime, version: version, notifier: notifier, load: load)
    let server = try await listen(daemon, runtime)
    await daemon.start()
    notifier.ready(status: await daemon.summary)
    logger.notice("started with \(counted(configuration.accounts.count, "account"))")
    let reports = Task { await reportStatus(daemon) }
    let proofs = Task { await proveAlive(daemon, runtime) }
    let currency = Task { await watchCurrency(daemon) }
    let thrift = Task { await giveBackMemory(daemon) }
    let surroundings = SurroundingsWatch(logger: logger) { change in
      Task { await daemon.surroundingsChanged(change) }
    }
    surroundings.start()
    for await signal in signals.stream {
      // A terminal that is closed says so with SIGHUP; only a service is told to read its configuration with it.
      if signal != SIGHUP || isatty(STDIN_FILENO) == 1 { break }
      // Not here: a signal to end must be heard meanwhile.
      Task { await reload(daemon) }
    }
    DispatchQueue.global().async {
      // Programs that give passwords, and tunnels: what waits for one of them ends with it.
      RunningChildren.shared.endAll(grace: .milliseconds(500))
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + Self.longestEnd) { _exit(0) }
    notifier.stopping(status: "ending")
    logger.notice("ending")
    reports.cancel()
    proofs.cancel()
    thrift.cancel()
    currency.cancel()
    surroundings.stop()
    async let stopped: Void = server.stop()
    await daemon.stop()
    await stopped
    withExtendedLifetime((lock, signals)) {}
  }

  private func listen(_ daemon: MirrorDaemon, _ runtime: MirrorRuntime) async throws(ControlError) -> ControlServer {
    let resources = runtime.resources
    let inherited = inheritedSocket()
    do {
      return try await ControlServer.start(
        daemon,
        instance: DaemonInstance(
          process: getpid(), version: version, configuration: configuration.file,
          stateDirectory: configuration.stateDirectory),
        path: configuration.socketPath, listening: inherited?.descriptor, group: resources.group,
        pool: resources.pool, logger: logger)
    } catch let error as ControlSocketError {
      throw .failed(location: error.path, what: error.what, remedy: error.remedy)
    } catch {
      throw .failed(
        location: configuration.socketPath, what: "the control socket cannot be opened: \(error)",
        remedy: "name another place with the key socket")
    }
  }

  /// The socket that the service manager opened, where it is the one that clients of this configuration look for.
  private func inheritedSocket() -> InheritedSocket? {
    let all = InheritedSocket.all()
    if let ours = all.first(where: { $0.isBound(to: configuration.socketPath) }) { return ours }
    if let other = all.first {
      logger.warning(
        """
        mailmirror.socket: it listens at \(other.path ?? "another place"), and the configuration says \
        \(configuration.socketPath); change its ListenStream= with systemctl --user edit mailmirror.socket
        """)
    }
    return nil
  }

  private func reload(_ daemon: MirrorDaemon) async {
    do {
      _ = try await daemon.reload()
    } catch {
      logger.error("the configuration stays as it was: \(error.lines.joined(separator: " | "))")
    }
  }

  /// `systemctl status` shows how the accounts are.
  private func reportStatus(_ daemon: MirrorDaemon) async {
    var last = ""
    for await _ in daemon.statusChanges() {
      let summary = await daemon.summary
      if summary != last { notifier.status(summary) }
      last = summary
      try? await Task.sleep(for: Self.statusPause)
    }
  }

  /// When all has been quiet for a while after something happened, memory that it took is given back; with many
  /// accounts there is no quiet, and it is given back now and then.
  private func giveBackMemory(_ daemon: MirrorDaemon) async {
    var pending: Task<Int, any Error>?
    var last = 0
    var busySince = ContinuousClock.now
    for await _ in daemon.statusChanges() {
      if .now - busySince < Self.longestBusy { pending?.cancel() }
      if let done = try? await pending?.value { (last, busySince) = (done, .now) }
      let before = last
      pending = Task {
        try await Task.sleep(for: Self.quiet)
        guard ProcessMemory.resident > before + Self.growth else { return before }
        await daemon.releaseMemory()
        ProcessMemory.giveBack()
        return ProcessMemory.resident
      }
    }
    pending?.cancel()
  }

  /// An account that has not been current for long is told of, whether or not anything else happens.
  private func watchCurrency(_ daemon: MirrorDaemon) async {
    while !Task.isCancelled {
      try? await Task.sleep(for: Self.quiet)
      await daemon.lookForStaleness()
    }
  }

  /// Tells the service manager that the daemon lives, only when all that works for it has just shown that it does: the
  /// workers, an event loop and the disk threads.
  private func proveAlive(_ daemon: MirrorDaemon, _ runtime: MirrorRuntime) async {
    guard let interval = Watchdog.interval() else { return }
    while !Task.isCancelled {
      let hung = await daemon.hungLoops()
      _ = try? await runtime.resources.group.next().submit {}.get()
      try? await runtime.resources.pool.run {}
      if hung.isEmpty, !Task.isCancelled { notifier.watchdog() }
      for (name, loop) in hung {
        logger.error("\(name): its worker hangs (\(loop))", metadata: ["ACCOUNT": "\(name)"])
      }
      try? await Task.sleep(for: interval)
    }
  }
}

extension ReloadResult {
  /// `1 added, 2 changed`, for a log.
  var summary: String {
    let parts = [(added.count, "added"), (changed.count, "changed"), (removed.count, "removed")]
      .filter { $0.0 > 0 }.map { "\(counted($0.0, "account")) \($0.1)" }
    return parts.isEmpty ? "nothing changed" : parts.joined(separator: ", ")
  }
}

extension ControlError {
  /// One line for each thing that is wrong.
  var lines: [String] {
    switch self {
    case .noSuchAccount(let name): ["there is no account \(name)"]
    case .invalidConfiguration(let problems): problems
    case .busy(let what): [what]
    case .failed(let location, let what, let remedy): ["\(location): \(what); \(remedy)"]
    }
  }
}
