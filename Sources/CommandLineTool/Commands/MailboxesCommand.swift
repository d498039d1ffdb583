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
    let selected = try configuration.selectNamed(account.map { [$0] } ?? [])
    let listings: [ListedMailbox]
    var failures: [CommandFailure] = []
    if let daemon = try await DaemonAccess.find(configuration) {
      let parameters: [String: JSONValue] = ["account": account.map(JSONValue.string) ?? .null]
      listings = try await daemon.call("Mailboxes", parameters, as: Reply.Mailboxes.self).mailboxes
    } else {
      (listings, failures) = await read(selected, configuration)
    }
    if listings.isEmpty, !failures.isEmpty {
      // Nothing but the errors.
    } else if json {
      print(try jsonText(listings))
    } else {
      let terminal = Terminal(descriptor: STDOUT_FILENO, environment: ProcessEnvironment.current)
      for line in ListedMailbox.lines(listings, width: terminal.width) { print(line) }
    }
    for failure in failures { StandardError.write(error: failure.description) }
    if let failure = failures.first { throw failure.status }
  }

  /// What is known of each account; one of which nothing is known does not hide the others.
  private func read(
    _ selected: [SelectedAccount], _ configuration: MirrorConfiguration
  ) async -> (listings: [ListedMailbox], failures: [CommandFailure]) {
    var found: (listings: [ListedMailbox], failures: [CommandFailure]) = ([], [])
    for item in selected {
      do {
        found.listings += try await AccountActions.mailboxes(of: item.account, in: configuration)
      } catch {
        found.failures.append(CommandFailure(error, configuration: configuration))
      }
    }
    return found
  }
}
