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
    if let daemon = try await DaemonAccess.find(configuration) {
      let parameters: [String: JSONValue] = ["account": account.map(JSONValue.string) ?? .null]
      listings = try await daemon.call("Mailboxes", parameters, as: Reply.Mailboxes.self).mailboxes
    } else {
      listings = try await read(selected, configuration)
    }
    if json {
      print(try jsonText(listings))
    } else {
      let terminal = Terminal(descriptor: STDOUT_FILENO, environment: ProcessEnvironment.current)
      for line in ListedMailbox.lines(listings, width: terminal.width) { print(line) }
    }
  }

  private func read(
    _ selected: [SelectedAccount], _ configuration: MirrorConfiguration
  ) async throws -> [ListedMailbox] {
    var listings: [ListedMailbox] = []
    for item in selected {
      do {
        listings += try await AccountActions.mailboxes(of: item.account, in: configuration)
      } catch {
        throw CommandFailure(error, configuration: configuration)
      }
    }
    return listings
  }
}
