import AccountWorker
import Configuration
import ControlProtocol
import Dispatch
import Glibc
import Logging

/// `mailmirror daemon`: everything together, from the first lock to the last close.
package struct DaemonRun: Sendable {
  private let configuration: MirrorConfiguration
  private let environment: [String: String]
  private let logger: Logger
  private let load: @Sendable () throws(ConfigurationError) -> MirrorConfiguration

  /// Whatever happens, the process is gone this long after it was asked to end: an end at any moment loses nothing.
  private static let longestEnd = DispatchTimeInterval.milliseconds(1_700)

  package init(
    _ configuration: MirrorConfiguration, environment: [String: String], logger: Logger,
    load: @escaping @Sendable () throws(ConfigurationError) -> MirrorConfiguration
  ) {
    self.configuration = configuration
    self.environment = environment
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
    let runtime = MirrorRuntime(configuration, environment: environment, logger: logger, eventLoops: 2)
    let daemon = MirrorDaemon(configuration, runtime: runtime, load: load)
    await daemon.start()
    logger.notice("started with \(counted(configuration.accounts.count, "account"))")
    for await signal in signals.stream {
      if signal != SIGHUP { break }
      await reload(daemon)
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + Self.longestEnd) { _exit(0) }
    logger.notice("ending")
    await daemon.stop()
    withExtendedLifetime((lock, signals)) {}
  }

  private func reload(_ daemon: MirrorDaemon) async {
    do {
      let result = try await daemon.reload()
      logger.notice("configuration read again: \(result.summary)")
    } catch {
      logger.error("the configuration stays as it was: \(error.lines.joined(separator: " | "))")
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
