/// One step of `mailmirror doctor` with its result: `tls: TLS 1.3, certificate valid until 2027-01-01`
package struct DoctorStep: Codable, Equatable, Sendable {
  package enum Outcome: String, Codable, Sendable { case ok, warning, failed }

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
}
