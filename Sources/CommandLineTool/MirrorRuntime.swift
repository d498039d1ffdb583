import AccountWorker
import Configuration
import Glibc
import LinuxFiles
import Logging
import MailConnections
import NIOPosix

/// What all accounts of one run share: one event loop group, one pool of disk threads, one budget of bytes in flight.
struct MirrorRuntime: Sendable {
  let resources: AccountWorker.Resources
  let configuration: MirrorConfiguration

  init(_ configuration: MirrorConfiguration, isVerbose: Bool) {
    Self.raiseOpenFileLimit()
    self.configuration = configuration
    var logger = Logger(label: "mailmirror") { _ in StandardErrorLog() }
    let configured = Logger.Level(rawValue: configuration.logLevel.rawValue) ?? .info
    logger.logLevel = isVerbose ? min(configured, .info) : max(configured, .warning)
    resources = AccountWorker.Resources(
      group: MultiThreadedEventLoopGroup(numberOfThreads: 1), pool: DiskPool(), budget: InFlightBudget(),
      logger: logger)
  }

  /// A group of messages keeps its files open until they are durable; the usual soft limit of 1,024 is few.
  private static func raiseOpenFileLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  func settings(_ account: AccountConfiguration) -> AccountSettings {
    AccountSettings(
      account, stateDirectory: configuration.stateDirectory, environment: ProcessEnvironment.current)
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
