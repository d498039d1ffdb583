import ArgumentParser
import Configuration
import ControlProtocol
import Daemon
import Glibc

struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Try each step from name lookup to mailboxes, and say what is wrong.",
    discussion: """
      Example:
        mailmirror doctor work
      """)

  @OptionGroup var options: GlobalOptions

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(help: "The account (default: all).")
  var account: String?

  private struct Examined: Encodable {
    let account: String
    var steps: [DoctorStep]
  }

  func run() async throws {
    let configuration = try options.loadConfiguration()
    let terminal = Terminal(descriptor: STDOUT_FILENO, environment: ProcessEnvironment.current)
    let runtime = options.runtime(configuration)
    var examined: [Examined] = []
    func tell(_ step: DoctorStep) {
      examined[examined.count - 1].steps.append(step)
      guard !json else { return }
      for line in step.lines(terminal) { print(line) }
    }
    for selected in try configuration.selectNamed(account.map { [$0] } ?? []) {
      examined.append(Examined(account: selected.account.name, steps: []))
      if !json { print("\(terminal.coloured(selected.account.name, .bold)):") }
      await AccountExamination(account: selected.account, runtime: runtime, report: tell).run()
      for step in await daemonSteps(configuration, selected.account.name) { tell(step) }
    }
    if json { print(try jsonText(examined)) }
    if examined.contains(where: { $0.steps.contains { $0.outcome == .failed } }) { throw CommandExit.failed }
  }

  private func daemonSteps(_ configuration: MirrorConfiguration, _ account: String) async -> [DoctorStep] {
    do {
      guard let daemon = try await DaemonAccess.find(configuration) else {
        return [
          DoctorStep(
            name: "daemon", outcome: .warning, detail: "none runs: nothing is fetched by itself",
            remedy: "systemctl --user enable --now mailmirror")
        ]
      }
      var steps = [
        DoctorStep(
          name: "daemon", outcome: .ok, detail: "process \(daemon.instance.process) keeps the mirror current")
      ]
      let report = try await daemon.call("Status", as: StatusReport.self)
      guard let found = report.accounts.first(where: { $0.name == account }) else { return steps }
      if let folders = found.folders {
        let parts = folders.split(separator: "; ", maxSplits: 1).map(String.init)
        steps.append(
          DoctorStep(
            name: "folders", outcome: parts.count > 1 ? .warning : .ok, detail: parts[0],
            remedy: parts.count > 1 ? parts[1] : nil))
      }
      if let compression = found.compression {
        steps.append(
          DoctorStep(
            name: "compression", outcome: .warning, detail: compression,
            remedy: "tell the server's operator; the daemon tries it again when it is started anew"))
      }
      return steps
    } catch {
      return [DoctorStep(name: "daemon", outcome: .failed, detail: error.what, remedy: error.remedy)]
    }
  }
}
