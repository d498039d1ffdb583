import ArgumentParser
import Configuration
import ControlProtocol
import Daemon
import Glibc

struct MailboxesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mailboxes",
    abstract: "List mailboxes, their folders, and which are mirrored.",
    discussion: """
      Examples:
        mailmirror mailboxes
        mailmirror mailboxes work --json
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(help: "The account (default: all).")
  var account: String?

  func run() async throws {
    let configuration = try options.loadConfiguration()
    var listings: [ListedMailbox] = []
    for selected in try configuration.selectNamed(account.map { [$0] } ?? []) {
      do {
        listings += try await AccountActions.mailboxes(of: selected.account, in: configuration)
      } catch {
        throw CommandFailure(error, configuration: configuration)
      }
    }
    if json {
      print(try jsonText(listings))
    } else {
      let terminal = Terminal(descriptor: STDOUT_FILENO, environment: ProcessEnvironment.current)
      for line in ListedMailbox.lines(listings, width: terminal.width) { print(line) }
    }
  }
}
