import ArgumentParser
import Configuration
import ControlProtocol
import Daemon

struct MetricsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics",
    abstract: "Print figures for a monitoring system, as OpenMetrics text.",
    discussion: """
      From the daemon where one runs, else from the state on disk. To have them collected, write them to a file that \
      the collector reads.

      Example:
        mailmirror metrics > /var/lib/node_exporter/mailmirror.prom
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print JSON: the text as a string.")
  var json = false

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let text: String
    if let daemon = try await DaemonAccess.find(configuration) {
      text = try await daemon.call("Metrics", as: Reply.Metrics.self).text
    } else {
      text = OpenMetrics.text(
        try await AccountActions.status(of: configuration).accounts, version: MailmirrorVersion.text)
    }
    print(json ? try jsonText(Reply.Metrics(text: text)) : text, terminator: json ? "\n" : "")
  }
}
