import ArgumentParser
import Configuration
import ControlProtocol
import Daemon
import Glibc

struct SyncCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sync",
    abstract: "Fetch what is new and changed, now.",
    discussion: """
      Without arguments all accounts are synced: by the daemon where one runs, else by this process. Progress goes to \
      standard error: a bar for each account on a terminal, plain lines elsewhere.

      Examples:
        mailmirror sync
        mailmirror sync work private/INBOX
        mailmirror sync --dry-run work
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print what would be done, and do nothing.")
  var dryRun = false

  @Flag(help: "Print the results as JSON.")
  var json = false

  @Argument(help: ArgumentHelp("Accounts, or single mailboxes of them.", valueName: "account[/mailbox]"))
  var accounts: [String] = []

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let selected = try configuration.selectNamed(accounts)
    let terminal = Terminal(descriptor: STDERR_FILENO, environment: ProcessEnvironment.current)
    let display = ProgressDisplay(accounts: selected.map(\.account.name), terminal: terminal)
    let results: [SyncResult]
    if let daemon = try await DaemonAccess.find(configuration) {
      results = try await sync(through: daemon, display)
    } else {
      results = await sync(selected, configuration, display)
    }
    if json { print(try jsonText(results)) }
    for result in results {
      if !json {
        for line in result.lines { print(line) }
      }
      for failure in result.failures { StandardError.write(error: failure) }
    }
    let status = CommandExit.of(
      failures: results.reduce(0) { $0 + $1.failures.count }, holds: results.reduce(0) { $0 + $1.holds })
    if status != .success { throw status }
  }

  private func sync(
    _ selected: [SelectedAccount], _ configuration: MirrorConfiguration, _ display: ProgressDisplay
  ) async -> [SyncResult] {
    let isDryRun = dryRun
    let runtime = options.runtime(configuration)
    let found = await StopSignals.cancelling {
      await withTaskGroup(of: SyncResult.self) { group in
        for item in selected {
          group.addTask {
            let result = await AccountActions.sync(
              item, in: runtime, dryRun: isDryRun, progress: { display.update(AccountProgress($0)) })
            display.finish(result)
            return result
          }
        }
        return await group.reduce(into: [String: SyncResult]()) { $0[$1.account] = $1 }
      }
    }
    display.finish()
    return selected.compactMap { found[$0.account.name] }
  }

  /// A signal ends this command only.
  private func sync(through daemon: DaemonAccess, _ display: ProgressDisplay) async throws -> [SyncResult] {
    let results = Results()
    let parameters: [String: JSONValue] = ["targets": .names(accounts), "dryRun": .bool(dryRun)]
    let failure = await StopSignals.cancelling { () async -> (any Error)? in
      do {
        try await daemon.follow("Sync", parameters, as: Reply.Sync.self) { reply in
          if let progress = reply.progress { display.update(AccountProgress(progress)) }
          if let found = reply.results { results.found = found }
        }
        return nil
      } catch {
        guard Task.isCancelled else { return error }
        return CommandFailure(
          location: "sync", what: "no longer watched, the daemon goes on", remedy: "see mailmirror status --watch")
      }
    }
    display.finish()
    if let failure { throw failure }
    guard let found = results.found else {
      throw CommandFailure(
        location: "daemon", what: "it stopped before the sync's end", remedy: "see mailmirror status")
    }
    return found
  }

  /// Filled by the connection's thread, read after its end.
  private final class Results: @unchecked Sendable {
    var found: [SyncResult]?
  }
}
