import ArgumentParser
import Configuration
import ControlProtocol
import Daemon

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare server, folder and state; changes nothing.",
    discussion: """
      With --full every message is fetched again and compared byte for byte.

      Examples:
        mailmirror verify
        mailmirror verify work --full
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Compare every message byte for byte.")
  var full = false

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: .hidden)
  var repair = false

  @Argument(help: "The account (default: all).")
  var account: String?

  func validate() throws {
    guard !repair else {
      throw ValidationError("--repair is not supported in this version; sync fetches what is missing again")
    }
  }

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let selected = try configuration.selectNamed(account.map { [$0] } ?? [])
    var results: [VerifyResult] = []
    if let daemon = try await DaemonAccess.find(configuration) {
      let parameters: [String: JSONValue] = ["accounts": .names(account.map { [$0] } ?? []), "full": .bool(full)]
      results = try await daemon.call("Verify", parameters, as: Reply.Verify.self, patience: nil).results
    } else {
      let runtime = options.runtime(configuration)
      for item in selected { results.append(await AccountActions.verify(item.account, in: runtime, full: full)) }
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
