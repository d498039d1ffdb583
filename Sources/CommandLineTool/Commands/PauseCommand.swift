import ArgumentParser
import Configuration
import ControlProtocol

struct PauseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Let the daemon rest until it is resumed.",
    discussion: """
      A paused account has no connection, and nothing of it changes. Needs the daemon.

      Examples:
        mailmirror pause
        mailmirror pause work
      """)

  @OptionGroup var options: GlobalOptions
  @OptionGroup var pausing: PausingOptions

  func run() async throws { try await pausing.run("Pause", options) }
}

struct ResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Let paused accounts go on.",
    discussion: """
      Needs the daemon.

      Examples:
        mailmirror resume
        mailmirror resume work
      """)

  @OptionGroup var options: GlobalOptions
  @OptionGroup var pausing: PausingOptions

  func run() async throws { try await pausing.run("Resume", options) }
}

struct PausingOptions: ParsableArguments {
  @Flag(help: "Print JSON: the accounts that are paused now.")
  var json = false

  @Argument(help: ArgumentHelp("Accounts (default: all).", valueName: "account"))
  var accounts: [String] = []

  func run(_ method: String, _ options: GlobalOptions) async throws {
    let configuration = try options.loadConfiguration()
    _ = try configuration.selectNamed(accounts)
    let daemon = try await DaemonAccess.require(configuration)
    // Work that is under way comes to its end first.
    let reply = try await daemon.call(method, ["accounts": .names(accounts)], as: Reply.Names.self, patience: 60)
    let paused = reply.accounts
    if json {
      print(try jsonText(paused))
    } else {
      print(paused.isEmpty ? "no account is paused" : "paused: \(paused.map { printable($0) }.joined(separator: ", "))")
    }
  }
}
