/// One step of `mailmirror doctor` with its result: `  ok      tls: TLS 1.3, certificate valid until 2027-01-01`
package struct DoctorStep: Equatable, Sendable {
  package enum Outcome: String, Sendable { case ok, warning, failed }

  package var name: String
  package var outcome: Outcome
  package var detail: String
  package var remedy: String?

  package init(name: String, outcome: Outcome, detail: String, remedy: String? = nil) {
    self.name = name
    self.outcome = outcome
    self.detail = detail
    self.remedy = remedy
  }

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
