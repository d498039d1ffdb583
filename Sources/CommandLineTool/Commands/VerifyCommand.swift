import ArgumentParser
import Configuration
import ControlProtocol
import Daemon

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare server, folder and state; repair only when asked.",
    discussion: """
      With --full every message is fetched again and compared byte for byte. With --repair, files that are damaged go to \
      quarantine and are fetched again, missing ones are fetched again, and what the server has is listed anew; then all \
      is synced and compared once more. A file that is missing is fetched again even where you have deleted it since \
      the last sync. Ends with 1 where differences remain.

      Examples:
        mailmirror verify
        mailmirror verify work --full
        mailmirror verify work --full --repair
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Compare every message byte for byte.")
  var full = false

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "Mend what can be mended without loss.")
  var repair = false

  @Argument(help: "The account (default: all).")
  var account: String?

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let selected = try configuration.selectNamed(account.map { [$0] } ?? [])
    var results: [VerifyResult] = []
    if let daemon = try await DaemonAccess.find(configuration) {
      let parameters: [String: JSONValue] = [
        "accounts": .names(account.map { [$0] } ?? []), "full": .bool(full), "repair": .bool(repair),
      ]
      results = try await daemon.call("Verify", parameters, as: Reply.Verify.self, patience: nil).results
    } else {
      let runtime = options.runtime(configuration)
      for item in selected {
        results.append(await AccountActions.verify(item.account, in: runtime, full: full, repair: repair))
      }
    }
    if json { print(try jsonText(results)) }
    for result in results {
      if !json {
        for line in result.lines { print(line) }
      }
      for failure in result.failures { StandardError.write(error: failure) }
    }
    if !results.allSatisfy(\.isClean) { throw CommandExit.failed }
  }
}
