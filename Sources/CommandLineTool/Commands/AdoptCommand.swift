import ArgumentParser
import Configuration
import ControlProtocol
import Daemon
import Foundation

struct AdoptCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adopt",
    abstract: "Take over a Maildir that another program made.",
    discussion: """
      A Maildir of mbsync, OfflineIMAP, getmail or another machine's Mailmirror becomes the account's: set maildir (and \
      layout) to where it is, adopt it, and sync. The next sync matches what is there with the server, so that nothing \
      is fetched twice, sent twice or deleted; what the server does not have is sent only then. No mail is touched by \
      adopt itself. End the other program's syncs first.

      Examples:
        mailmirror adopt work --from ~/Mail/work --dry-run
        mailmirror adopt work --from ~/Mail/work && mailmirror sync work
      """)

  @OptionGroup var options: GlobalOptions

  @Option(help: ArgumentHelp("The Maildir; it must be the account's maildir (which is the default).", valueName: "dir"))
  var from: String?

  @Flag(help: "Only tell what is there.")
  var dryRun = false

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(help: "The account.")
  var account: String

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let runtime = options.runtime(configuration)
    for item in try configuration.selectNamed([account]) {
      let directory = from.map { URL(fileURLWithPath: ($0 as NSString).expandingTildeInPath).path }
      let result = await AccountActions.adopt(item.account, from: directory, in: runtime, dryRun: dryRun)
      if json {
        print(try jsonText(result))
      } else {
        for line in result.lines { print(line) }
      }
      if let failure = result.failure {
        StandardError.write(error: failure)
        throw CommandExit.failed
      }
    }
  }
}

extension AdoptResult {
  package var lines: [String] {
    guard failure == nil else { return [] }
    let found =
      "\(account): \(printable(root, limit: 4_096)): \(messages) messages in \(folders) folders, made by \(origin)"
    guard adopted else { return [found, "nothing was changed (dry run)"] }
    return [
      found,
      "taken over; `mailmirror sync \(account)` matches it with the server: nothing is fetched or sent twice, "
        + "nothing is deleted",
    ]
  }
}
