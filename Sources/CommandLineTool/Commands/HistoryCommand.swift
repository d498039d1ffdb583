import ArgumentParser
import Configuration
import ControlProtocol
import Daemon

struct HistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Tell what happened to mail: when, why and on whose word.",
    discussion: """
      Without a message, what happened lately. A message is a file's path, ACCOUNT/MAILBOX:UID, <Message-ID>, or its \
      name in quarantine; where several are meant, they are listed. Kept for a year, at most 200,000 entries an account.

      Examples:
        mailmirror history --limit 20
        mailmirror history work/INBOX:4711
        mailmirror history '<20260201.1@example.org>' --json
      """)

  @OptionGroup var options: GlobalOptions

  @Option(help: "How many entries at most, the newest.")
  var limit = MessageHistory.usualLimit

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(help: "The message (default: all, lately).")
  var message: String?

  func validate() throws {
    guard limit > 0 else { throw ValidationError("--limit takes a number above 0") }
  }

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let message = message.map(MessageArguments.resolved)
    let history: MessageHistory
    if let daemon = try await DaemonAccess.find(configuration) {
      let parameters: [String: JSONValue] = [
        "message": message.map(JSONValue.string) ?? .null, "limit": .integer(Int64(limit)),
      ]
      history = try await daemon.call("History", parameters, as: MessageHistory.self, patience: nil)
    } else {
      let actions = HistoryActions(configuration: configuration, pool: options.runtime(configuration).resources.pool)
      do { history = try await actions.history(of: message, limit: limit) } catch {
        throw CommandFailure(error, configuration: configuration)
      }
    }
    if json {
      print(try jsonText(history))
    } else {
      for line in history.lines { print(line) }
    }
    guard history.matches.isEmpty else {
      throw CommandFailure(
        location: message ?? "", what: "it means \(counted(history.matches.count, "message"))",
        remedy: "name one by its path or as ACCOUNT/MAILBOX:UID")
    }
  }
}
