import AccountWorker
import Configuration
import Glibc
import LinuxFiles
import Logging
import MailConnections
import NIOPosix

/// What all accounts of one run share: one event loop group, one pool of disk threads, one budget of bytes in flight.
package struct MirrorRuntime: Sendable {
  package private(set) var resources: AccountWorker.Resources
  package let configuration: MirrorConfiguration
  private let environment: [String: String]

  package init(_ configuration: MirrorConfiguration, environment: [String: String], logger: Logger, eventLoops: Int = 1)
  {
    Self.raiseOpenFileLimit()
    self.configuration = configuration
    self.environment = environment
    resources = AccountWorker.Resources(
      group: MultiThreadedEventLoopGroup(numberOfThreads: eventLoops), logger: logger)
  }

  /// With watches on directories, for a process that stays.
  package func watching() async -> MirrorRuntime {
    var runtime = self
    do { runtime.resources.watches = try await DirectoryWatches.start(on: resources.group) } catch {
      runtime.resources.watchTrouble = FolderWatchTrouble(error)
    }
    return runtime
  }

  /// A group of messages keeps its files open until they are durable; the usual soft limit of 1,024 is few.
  private static func raiseOpenFileLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// The account's `on_change` as it is run.
  func hook(_ words: [String], of configuration: MirrorConfiguration) -> HookCommand {
    let passwords = configuration.accounts.compactMap { account -> String? in
      if case .environment(let name) = account.password { name } else { nil }
    }
    return HookCommand(
      words: words, directory: environment["HOME"] ?? "/", environment: environment, withheld: Set(passwords))
  }

  package func settings(_ account: AccountConfiguration) -> AccountSettings {
    AccountSettings(account, stateDirectory: configuration.stateDirectory, environment: environment)
  }
}
