import ArgumentParser
import ControlProtocol
import Daemon
import Glibc

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show accounts, mailboxes, last success, errors and holds.",
    discussion: """
      Reads the state on disk and contacts nobody.

      Examples:
        mailmirror status
        mailmirror status --json
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print JSON.")
  var json = false

  func run() async throws {
    let report = try await AccountActions.status(of: options.loadConfiguration())
    if json {
      print(try jsonText(report))
    } else {
      let terminal = Terminal(descriptor: STDOUT_FILENO, environment: ProcessEnvironment.current)
      for line in report.lines(terminal) { print(line) }
    }
    for line in report.troubles { StandardError.write(error: line) }
    if report.exitStatus != .success { throw report.exitStatus }
  }
}
