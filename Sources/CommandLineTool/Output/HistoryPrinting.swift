import ControlProtocol

extension MessageHistory {
  package var lines: [String] {
    if !matches.isEmpty { return matches.map(\.lineWithPlace) }
    return entries.isEmpty ? ["nothing has happened yet"] : entries.map(\.line)
  }
}

extension HistoryEntry {
  /// `2026-02-01T09:30:00Z  quarantined    work/INBOX UID 12  by the server: no longer on the server`
  package var line: String {
    var line = "\(time)  \(padded(printable(event), to: 13))  \(printable("\(account)/\(mailbox)"))"
    if let uid { line += " UID \(uid)" }
    line += "  " + author
    if !detail.isEmpty { line += ": \(printable(detail))" }
    return line
  }

  private var author: String {
    switch cause {
    case "server": "on the server"
    case "folder": "in the folder"
    case "person": "by your command"
    default: "by mailmirror"
    }
  }
}

extension RestorableMessage {
  package static func lines(_ messages: [RestorableMessage]) -> [String] {
    messages.isEmpty ? ["nothing is in quarantine"] : messages.flatMap(\.lines)
  }

  /// Two lines: the name with sender and subject, then where it was, why it went, and until when it is kept.
  private var lines: [String] {
    let heading = [from, subject].compactMap { $0.map { printable($0) } }.joined(separator: ": ")
    let place = printable("\(account)/\(mailbox)") + (uid.map { ":\($0)" } ?? "")
    return [
      [name, date.map { String($0.prefix(10)) }, heading.isEmpty ? nil : heading].compactMap { $0 }
        .joined(separator: "  "),
      "  \(place), removed \(removed): \(printable(reason)); kept until \(until)",
    ]
  }
}

extension RestoreResult {
  package var lines: [String] {
    if !matches.isEmpty { return RestorableMessage.lines(matches) }
    return restored.map {
      "\(printable("\($0.account)/\($0.mailbox)")): restored as \(printable($0.path, limit: 4_096))"
    }
  }
}
