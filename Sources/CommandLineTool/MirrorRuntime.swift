import AccountWorker
import Configuration
import LinuxFiles
import Logging
import MailConnections
import NIOPosix

/// What all accounts of one run share: one event loop group, one pool of disk threads, one budget of bytes in flight.
struct MirrorRuntime: Sendable {
  let resources: AccountWorker.Resources
  let configuration: MirrorConfiguration

  init(_ configuration: MirrorConfiguration, isVerbose: Bool) {
    self.configuration = configuration
    var logger = Logger(label: "mailmirror") { _ in StandardErrorLog() }
    let configured = Logger.Level(rawValue: configuration.logLevel.rawValue) ?? .info
    logger.logLevel = isVerbose ? min(configured, .info) : max(configured, .warning)
    resources = AccountWorker.Resources(
      group: MultiThreadedEventLoopGroup(numberOfThreads: 1), pool: DiskPool(), budget: InFlightBudget(),
      logger: logger)
  }

  func settings(_ account: AccountConfiguration) -> AccountSettings {
    AccountSettings(
      account, stateDirectory: configuration.stateDirectory, environment: ProcessEnvironment.current,
      pool: resources.pool)
  }
}

/// Log lines as a person at a terminal reads them: `mailmirror: warning: ...`
private struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.warning

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    StandardError.write("mailmirror: \(event.level): \(printable(event.message.description, limit: 1000))\n")
  }
}
