import ArgumentParser
import Configuration
import ControlProtocol
import Glibc

struct EventsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events",
    abstract: "Show what changes, as it changes.",
    discussion: """
      One line for each message that came, changed, moved or went, and for what waits for your word, until you end it. \
      Needs the daemon.

      Examples:
        mailmirror events
        mailmirror events work --json
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print one JSON document for each change, on a line of its own.")
  var json = false

  @Argument(help: ArgumentHelp("Accounts (default: all).", valueName: "account"))
  var accounts: [String] = []

  func run() async throws {
    let configuration = try options.loadConfiguration()
    _ = try configuration.selectNamed(accounts)
    let daemon = try await DaemonAccess.require(configuration)
    StandardOutput.ignorePipeSignal()
    let isJSON = json
    let parameters = ["accounts": JSONValue.names(accounts)]
    try await daemon.follow("Events", parameters, as: Reply.Event.self, output: STDOUT_FILENO) { event in
      if let lost = event.lost, lost > 0 {
        StandardError.write("mailmirror: events: \(counted(lost, "change")) went by unseen\n")
      }
      guard let change = event.change else { return }
      try StandardOutput.write(line: isJSON ? try jsonLine(change) : change.line)
    }
    throw CommandFailure(
      location: "daemon", what: "it has stopped", remedy: "start it with systemctl --user start mailmirror")
  }
}
