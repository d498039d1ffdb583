import ArgumentParser
import Configuration
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
    var listings: [MailboxListing] = []
    for selected in try configuration.select(account.map { [$0] } ?? []) {
      listings += try await AccountActions.mailboxes(of: selected.account, in: configuration)
    }
    if json {
      print(try jsonText(listings))
    } else {
      let terminal = Terminal(descriptor: STDOUT_FILENO, environment: ProcessEnvironment.current)
      for line in MailboxListing.lines(listings, width: terminal.width) { print(line) }
    }
  }
}
