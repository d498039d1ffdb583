import AccountWorker
import ArgumentParser
import Configuration
import ControlProtocol
import Daemon

struct ApproveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "approve",
    abstract: "Let what is held be done.",
    discussion: """
      It counts for exactly the messages that the hold lists; more of the same kind wait again. mailmirror holds shows \
      what it does. The daemon does it at once; without one the next sync does.

      Examples:
        mailmirror approve work:3
        mailmirror approve --all
      """)

  @OptionGroup var options: GlobalOptions
  @OptionGroup var deciding: DecidingOptions

  func run() async throws { try await deciding.run(.approve, options) }
}

struct RejectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reject",
    abstract: "Undo what is held: restore the other side.",
    discussion: """
      What was deleted on one side is brought back from the other. mailmirror holds shows what it does. The daemon does \
      it at once; without one the next sync does.

      Examples:
        mailmirror reject work:3
        mailmirror reject --all
      """)

  @OptionGroup var options: GlobalOptions
  @OptionGroup var deciding: DecidingOptions

  func run() async throws { try await deciding.run(.reject, options) }
}

struct DecidingOptions: ParsableArguments {
  @Flag(help: "All that is held, in all accounts.")
  var all = false

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(help: ArgumentHelp("Holds as mailmirror holds names them.", valueName: "hold"))
  var holds: [String] = []

  func validate() throws {
    guard all != !holds.isEmpty else {
      throw ValidationError(all ? "name holds or give --all, not both" : "name the holds, or give --all")
    }
  }

  func run(_ decision: HoldDecision, _ options: GlobalOptions) async throws {
    let configuration = try options.loadConfiguration()
    let named = all ? nil : holds
    let result: DecisionResult
    let daemon = try await DaemonAccess.find(configuration)
    if let daemon {
      let parameters: [String: JSONValue] = ["holds": named.map(JSONValue.names) ?? .null]
      let method = decision == .approve ? "Approve" : "Reject"
      result = try await daemon.call(method, parameters, as: DecisionResult.self, patience: nil)
    } else {
      let runtime = options.runtime(configuration)
      let actions = HoldActions(configuration: configuration, pool: runtime.resources.pool)
      do { result = try await actions.decide(decision, on: named, in: runtime) } catch {
        throw CommandFailure(error, configuration: configuration)
      }
    }
    if json {
      print(try jsonText(result))
    } else {
      for line in result.lines(decision == .approve ? "approved" : "rejected", hasDaemon: daemon != nil) { print(line) }
    }
    for failure in result.failures { StandardError.write(error: failure) }
    if !result.failures.isEmpty { throw CommandExit.failed }
  }
}
