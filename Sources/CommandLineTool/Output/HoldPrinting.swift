import ControlProtocol

extension HeldChanges {
  /// A paragraph for each hold.
  package static func lines(_ holds: [HeldChanges]) -> [String] {
    guard !holds.isEmpty else { return ["nothing waits for you"] }
    return holds.enumerated().flatMap { index, hold in (index > 0 ? [""] : []) + hold.lines }
  }

  private var lines: [String] {
    var lines = [
      "\(hold)  \(printable("\(account)/\(mailbox)")): \(printable(what))",
      "  since \(since): \(printable(reason))",
    ]
    lines += examples.map { "  - " + $0.line }
    let more = messages - examples.count
    if !examples.isEmpty, more > 0 { lines.append("  and \(more) more") }
    lines.append("  mailmirror approve \(hold)  \(printable(approve))")
    if let reject {
      lines.append("  mailmirror reject \(hold)   \(printable(reject))")
    } else {
      lines.append("  it cannot be rejected: put the server back as it was, or approve")
    }
    return lines
  }
}

extension ShownMessage {
  /// `2026-02-01  Alice <alice@example.org>: Lunch?`
  package var line: String {
    let heading = [from, subject].compactMap { $0.map { printable($0) } }.joined(separator: ": ")
    var words: [String] = []
    if let date { words.append(String(date.prefix(10))) }
    if !heading.isEmpty {
      words.append(heading)
    } else if let uid {
      words.append("UID \(uid)")
    } else if let path {
      words.append(printable(path))
    }
    return words.joined(separator: "  ")
  }

  /// The same with its place, as the commands take it.
  package var lineWithPlace: String {
    let place = uid.map { "\(account)/\(mailbox):\($0)" } ?? path ?? "\(account)/\(mailbox)"
    return "\(printable(place, limit: 1_000))  \(line)"
  }
}

extension DecisionResult {
  /// `approved work:3 (INBOX): removes them from the folder, into quarantine`
  package func lines(_ word: String, hasDaemon: Bool) -> [String] {
    guard !decided.isEmpty else { return failures.isEmpty ? ["nothing waits for you"] : [] }
    var lines = decided.map { hold in
      "\(word) \(hold.hold) (\(printable(hold.mailbox)), \(counted(hold.messages, "message"))): "
        + printable(hold.effect)
    }
    let accounts = Set(decided.map(\.account)).sorted().joined(separator: " ")
    lines.append(hasDaemon ? "the daemon does it now" : "run mailmirror sync \(accounts) to have it done")
    return lines
  }
}
