import ArgumentParser
import Configuration
import ControlProtocol
import Daemon

struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Bring removed mail back from quarantine.",
    discussion: """
      The message comes back into its folder; where the account is synced both ways, the next sync sends it to the \
      server again. A message is a name that --list shows, the path that its file had, ACCOUNT/MAILBOX:UID, or \
      <Message-ID>; where several are meant, they are listed and nothing is done.

      Examples:
        mailmirror restore --list
        mailmirror restore --list work
        mailmirror restore 1790000000.5f0c9a1b2c3d4e5f60718293
        mailmirror restore work/INBOX:4711
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Show what can be restored, of all accounts or of the one named.")
  var list = false

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(help: ArgumentHelp("Messages; with --list an account.", valueName: "message"))
  var messages: [String] = []

  func validate() throws {
    if list, messages.count > 1 { throw ValidationError("--list takes one account at most") }
    if !list, messages.isEmpty { throw ValidationError("name the messages, or give --list") }
  }

  func run() async throws {
    let configuration = try options.loadConfiguration()
    if list { return try await show(configuration) }
    let words = MessageArguments.resolved(messages)
    let result: RestoreResult
    let daemon = try await DaemonAccess.find(configuration)
    if let daemon {
      result = try await daemon.call("Restore", ["messages": .names(words)], as: RestoreResult.self, patience: nil)
    } else {
      let runtime = options.runtime(configuration)
      let actions = RestoreActions(configuration: configuration, pool: runtime.resources.pool)
      do { result = try await actions.restore(words, in: runtime) } catch {
        throw CommandFailure(error, configuration: configuration)
      }
    }
    if json {
      print(try jsonText(result))
    } else {
      for line in result.lines { print(line) }
    }
    for failure in result.failures { StandardError.write(error: failure) }
    guard result.matches.isEmpty else {
      throw CommandFailure(
        location: "restore", what: "several messages in quarantine are meant; nothing was done",
        remedy: "name them as they are listed")
    }
    if !result.failures.isEmpty { throw CommandExit.failed }
  }

  private func show(_ configuration: MirrorConfiguration) async throws {
    let selected = try configuration.selectNamed(messages)
    let found: [RestorableMessage]
    if let daemon = try await DaemonAccess.find(configuration) {
      let parameters: [String: JSONValue] = ["account": messages.first.map(JSONValue.string) ?? .null]
      found = try await daemon.call("Restorable", parameters, as: Reply.Restorable.self, patience: nil).messages
    } else {
      let actions = RestoreActions(configuration: configuration, pool: options.runtime(configuration).resources.pool)
      do { found = try await actions.list(selected) } catch {
        throw CommandFailure(error, configuration: configuration)
      }
    }
    if json {
      print(try jsonText(found))
    } else {
      for line in RestorableMessage.lines(found) { print(line) }
    }
  }
}
