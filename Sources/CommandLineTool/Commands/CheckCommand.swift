import ArgumentParser
import Configuration
import ControlProtocol

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Validate the configuration; contacts nobody.",
    discussion: """
      Prints every problem with its file, line and key, and ends with status 2 where there is one.

      Examples:
        mailmirror check --config ~/mail.toml
        mailmirror check --json
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print JSON.")
  var json = false

  private struct Checked: Encodable {
    var file: String?
    var accounts: [String] = []
    var problems: [ConfigurationProblem] = []
  }

  func run() throws {
    let configuration: MirrorConfiguration
    do {
      configuration = try options.readConfiguration()
    } catch {
      if json { print(try jsonText(Checked(file: error.problems.first?.file, problems: error.problems))) }
      throw error
    }
    if json {
      return print(try jsonText(Checked(file: configuration.file, accounts: configuration.accounts.map(\.name))))
    }
    for line in configurationSummary(configuration, verbose: options.verbose) { print(line) }
  }
}

/// `FILE: all is well, 2 accounts`, and with `verbose` what each account came to.
func configurationSummary(_ configuration: MirrorConfiguration, verbose: Bool) -> [String] {
  var lines = ["\(configuration.file): all is well, \(counted(configuration.accounts.count, "account"))"]
  guard verbose else { return lines }
  lines.append("state: \(configuration.stateDirectory)")
  for account in configuration.accounts {
    let server = account.server
    let host = server.host.contains(":") ? "[\(server.host)]" : server.host
    let place = server.tunnel == nil ? "\(host):\(server.port)" : server.name
    lines.append(
      "\(account.name): \(account.user) at \(place), tls \(server.tls.rawValue), password from "
        + "\(account.password.key), \(account.layout.rawValue) in \(account.maildir)")
  }
  return lines
}
