import Configuration
import Daemon
import Logging

extension Logger {
  /// What the daemon logs: from the configuration's `log_level` on, to the journal where standard error is connected to
  /// it, else as plain lines.
  static func ofDaemon(_ configuration: MirrorConfiguration, isVerbose: Bool, environment: [String: String]) -> Logger {
    let target = LogTarget.of(environment: environment)
    var logger = Logger(label: "mailmirror") { _ in
      switch target {
      case .journal: JournalLogHandler()
      case .standardError: StandardErrorLog()
      }
    }
    let configured = Logger.Level(rawValue: configuration.logLevel.rawValue) ?? .info
    logger.logLevel = isVerbose ? min(configured, .debug) : configured
    return logger
  }
}
