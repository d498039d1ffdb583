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
      Without arguments all accounts are synced. Progress goes to standard error: a bar for each account on a \
      terminal, plain lines elsewhere.

      Examples:
        mailmirror sync
        mailmirror sync work private/INBOX
        mailmirror sync --dry-run work
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print what would be done, and do nothing.")
  var dryRun = false

  @Argument(help: ArgumentHelp("Accounts, or single mailboxes of them.", valueName: "account[/mailbox]"))
  var accounts: [String] = []

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let selected = try configuration.selectNamed(accounts)
    let terminal = Terminal(descriptor: STDERR_FILENO, environment: ProcessEnvironment.current)
    let display = ProgressDisplay(accounts: selected.map(\.account.name), terminal: terminal)
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
    let summaries = selected.compactMap { found[$0.account.name] }
    for summary in summaries {
      for line in summary.lines { print(line) }
      for failure in summary.failures { StandardError.write(error: failure) }
    }
    let status = CommandExit.of(
      failures: summaries.reduce(0) { $0 + $1.failures.count }, holds: summaries.reduce(0) { $0 + $1.holds })
    if status != .success { throw status }
  }
}
