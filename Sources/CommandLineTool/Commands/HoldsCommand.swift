import ArgumentParser
import Configuration
import ControlProtocol
import Daemon

struct HoldsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "holds",
    abstract: "Show what waits for your word.",
    discussion: """
      So many changes at once may be a mistake, so they wait: nothing of them is done on either side until you approve \
      or reject them. Everything else goes on. Ends with 3 while something waits.

      Examples:
        mailmirror holds
        mailmirror holds work --json
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(help: ArgumentHelp("Accounts (default: all).", valueName: "account"))
  var accounts: [String] = []

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let selected = try configuration.selectNamed(accounts)
    let holds: [HeldChanges]
    if let daemon = try await DaemonAccess.find(configuration) {
      holds = try await daemon.call("Holds", ["accounts": .names(accounts)], as: Reply.Holds.self).holds
    } else {
      let actions = HoldActions(configuration: configuration, pool: options.runtime(configuration).resources.pool)
      do { holds = try await actions.list(selected) } catch {
        throw CommandFailure(error, configuration: configuration)
      }
    }
    if json {
      print(try jsonText(holds))
    } else {
      for line in HeldChanges.lines(holds) { print(line) }
    }
    if !holds.isEmpty { throw CommandExit.waiting }
  }
}
