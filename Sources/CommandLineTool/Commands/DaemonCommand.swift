import ArgumentParser
import Configuration
import ControlProtocol
import Daemon

struct DaemonCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "daemon",
    abstract: "Keep the mirror current, in the foreground, until it is ended.",
    discussion: """
      New mail arrives by push. systemd runs this as a user service; a terminal will do as well. SIGHUP reads the \
      configuration again, SIGTERM or Ctrl-C ends it.

      Examples:
        systemctl --user enable --now mailmirror
        mailmirror daemon --verbose
      """)

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let options = options
    let environment = ProcessEnvironment.current
    do {
      try await DaemonRun(
        configuration, environment: environment, version: MailmirrorVersion.text,
        logger: .ofDaemon(configuration, isVerbose: options.verbose, environment: environment)
      ) { () throws(ConfigurationError) in
        try options.readConfiguration()
      }.run()
    } catch {
      throw CommandFailure(error, configuration: configuration)
    }
  }
}
