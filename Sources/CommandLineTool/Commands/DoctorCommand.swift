import ArgumentParser
import Configuration
import Daemon
import Glibc

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Try each step from name lookup to mailboxes, and say what is wrong.",
    discussion: """
      Example:
        mailmirror doctor work
      """)

  @OptionGroup var options: GlobalOptions

  @Argument(help: "The account (default: all).")
  var account: String?

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let terminal = Terminal(descriptor: STDOUT_FILENO, environment: ProcessEnvironment.current)
    let runtime = options.runtime(configuration)
    var hasFailed = false
    for selected in try configuration.selectNamed(account.map { [$0] } ?? []) {
      print("\(terminal.coloured(selected.account.name, .bold)):")
      await AccountExamination(account: selected.account, runtime: runtime) { step in
        hasFailed = hasFailed || step.outcome == .failed
        for line in step.lines(terminal) { print(line) }
      }.run()
    }
    if hasFailed { throw CommandExit.failed }
  }
}
