import Configuration
import ControlProtocol
import Logging

/// Log lines as a person at a terminal reads them: `mailmirror: warning: ...`
struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.warning

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var text = event.message.description
    if event.level <= .debug {
      for (key, value) in (event.metadata ?? [:]).sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
    }
    StandardError.write("mailmirror: \(event.level): \(printable(text, limit: 1000))\n")
  }
}

extension Logger {
  /// What a command logs: warnings and worse, with `--verbose` what the configuration's `log_level` lets through.
  static func ofCommand(_ configuration: MirrorConfiguration, isVerbose: Bool) -> Logger {
    var logger = Logger(label: "mailmirror") { _ in StandardErrorLog() }
    let configured = Logger.Level(rawValue: configuration.logLevel.rawValue) ?? .info
    logger.logLevel = isVerbose ? min(configured, .info) : max(configured, .warning)
    return logger
  }
}
