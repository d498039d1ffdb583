import ArgumentParser
import Configuration
import ControlProtocol

struct ReloadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Let the daemon read its configuration again.",
    discussion: """
      Only accounts that changed are touched. A configuration with a mistake in it changes nothing, and ends this \
      command with status 2. Needs the daemon.

      Example:
        mailmirror reload
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print JSON.")
  var json = false

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let daemon = try await DaemonAccess.require(configuration)
    let result = try await daemon.call("Reload", as: ReloadResult.self, patience: 60)
    if json {
      print(try jsonText(result))
    } else {
      for line in result.lines { print(line) }
    }
  }
}

extension ReloadResult {
  /// `added: home`, and so on; `nothing changed`.
  package var lines: [String] {
    let parts = [("added", added), ("changed", changed), ("removed", removed)].filter { !$0.1.isEmpty }
    if parts.isEmpty { return ["nothing changed"] }
    return parts.map { "\($0.0): \($0.1.map { printable($0) }.joined(separator: ", "))" }
  }
}
