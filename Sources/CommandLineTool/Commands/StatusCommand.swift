import ArgumentParser
import Configuration
import ControlProtocol
import Daemon
import Glibc

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show accounts, mailboxes, last success, errors and holds.",
    discussion: """
      Asks the daemon where one runs, else reads the state on disk; contacts no server.

      Examples:
        mailmirror status
        mailmirror status --watch
        mailmirror status --json
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Go on and show what changes, until you end it.")
  var watch = false

  @Flag(help: "Print JSON; with --watch one document on each line.")
  var json = false

  func run() async throws {
    let configuration = try options.loadConfiguration()
    if watch { return try await follow(configuration) }
    let report: StatusReport
    if let daemon = try await DaemonAccess.find(configuration) {
      report = try await daemon.call("Status", as: StatusReport.self)
    } else {
      report = try await AccountActions.status(of: configuration)
    }
    if json {
      print(try jsonText(report))
    } else {
      let terminal = Terminal(descriptor: STDOUT_FILENO, environment: ProcessEnvironment.current)
      for line in report.lines(terminal) { print(line) }
    }
    for line in report.troubles { StandardError.write(error: line) }
    if report.exitStatus != .success { throw report.exitStatus }
  }

  /// From the daemon whenever one runs, else from disk every few seconds.
  private func follow(_ configuration: MirrorConfiguration) async throws {
    StandardOutput.ignorePipeSignal()
    let screen = StatusScreen(isJSON: json)
    while true {
      if let daemon = try await DaemonAccess.find(configuration) {
        do {
          try await daemon.follow("Status", as: StatusReport.self, output: STDOUT_FILENO) { try screen.show($0) }
        } catch let failure as CommandFailure {
          // Of a daemon that went away the state on disk tells more.
          StandardError.write(error: failure.description)
        }
      } else {
        try screen.show(try await AccountActions.status(of: configuration))
      }
      try await Task.sleep(for: .seconds(2))
      try StandardOutput.checkOpen()
    }
  }
}
