import ControlProtocol

extension MailChange {
  /// `2026-02-01T09:30:00Z  new      work/INBOX  Alice <alice@example.org>: Lunch?`
  package var line: String {
    let place = mailbox.isEmpty ? account : "\(account)/\(mailbox)"
    var line = "\(time)  \(padded(kind.rawValue, to: 7))  \(printable(place))"
    let words = [from, subject].compactMap { $0.map { printable($0) } }
    if !words.isEmpty { line += "  " + words.joined(separator: ": ") }
    if let reason { line += "  \(printable(reason))" }
    if words.isEmpty, let uid { line += "  UID \(uid)" }
    if kind == .changed { line += "  [\(flags.map { printable($0) }.joined(separator: " "))]" }
    return line
  }
}
