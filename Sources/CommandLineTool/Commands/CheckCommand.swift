import ArgumentParser
import Configuration

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Validate the configuration; contacts nobody.",
    discussion: """
      Prints every problem with its file, line and key, and ends with status 2 where there is one.

      Example:
        mailmirror check --config ~/mail.toml
      """)

  @OptionGroup var options: GlobalOptions

  func run() throws {
    let configuration = try options.loadConfiguration()
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
