import ArgumentParser
import Configuration
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
    let runtime = options.runtime(configuration)
    var isClean = true
    for selected in try configuration.selectNamed(account.map { [$0] } ?? []) {
      let summary = await AccountActions.verify(selected.account, in: runtime, full: full)
      for line in summary.lines { print(line) }
      for failure in summary.failures { StandardError.write(error: failure) }
      isClean = isClean && summary.isClean
    }
    if !isClean { throw CommandExit.failed }
  }
}
