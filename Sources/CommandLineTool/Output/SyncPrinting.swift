import ControlProtocol

extension SyncResult {
  /// `work: 120 new messages (6.2 MB), 3 flag changes, 1 removed to quarantine, 4 moves, sent 2 new messages and 5 flag
  /// changes, 14 mailboxes`
  package var lines: [String] {
    let name = printable(account)
    if let planned {
      let lines = planned.isEmpty && failures.isEmpty ? ["nothing to do"] : planned
      return (notices + lines).map { "\(name): \(printable($0))" }
    }
    var parts: [String] = []
    if delivered > 0 { parts.append("\(counted(delivered, "new message")) (\(sizeText(octets)))") }
    if flagsChanged > 0 { parts.append(counted(flagsChanged, "flag change")) }
    if quarantined > 0 { parts.append("\(quarantined) removed to quarantine") }
    if moved > 0 { parts.append(counted(moved, "move")) }
    if let sent { parts.append(sent) }
    if parts.isEmpty, failures.isEmpty { parts.append("nothing new") }
    if mailboxes > 0 { parts.append(counted(mailboxes, "mailbox", "mailboxes")) }
    if pendingLocal > 0 { parts.append("\(counted(pendingLocal, "local change")) pending") }
    if holds > 0 { parts.append("\(counted(holds, "hold")) waiting for you: see mailmirror holds") }
    if !failures.isEmpty { parts.append(counted(failures.count, "failure")) }
    return ["\(name): \(parts.joined(separator: ", "))"] + notices.map { "\(name): \(printable($0))" }
  }

  private var sent: String? {
    var parts: [String] = []
    if uploaded > 0 { parts.append(counted(uploaded, "new message")) }
    if deleted > 0 { parts.append(counted(deleted, "deletion")) }
    if flagsStored > 0 { parts.append(counted(flagsStored, "flag change")) }
    guard let last = parts.popLast() else { return nil }
    return "sent " + (parts.isEmpty ? last : parts.joined(separator: ", ") + " and " + last)
  }
}
