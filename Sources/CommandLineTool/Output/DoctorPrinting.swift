import ControlProtocol
import Daemon

extension DoctorStep {
  /// `  ok      tls: TLS 1.3, certificate valid until 2027-01-01`
  package func lines(_ terminal: Terminal) -> [String] {
    let colour: Terminal.Colour =
      switch outcome {
      case .ok: .green
      case .warning: .yellow
      case .failed: .red
      }
    let word = terminal.coloured(padded(outcome.rawValue, to: 7), colour)
    return ["  \(word)  \(printable(name)): \(printable(detail))"]
      + (remedy.map { ["           \(printable($0))"] } ?? [])
  }
}
