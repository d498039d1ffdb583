import ControlProtocol

extension VerifyResult {
  /// One line for each mailbox, its differences below it, and a line for the account.
  package var lines: [String] {
    var lines: [String] = []
    for mailbox in mailboxes {
      let verdict = mailbox.differences.isEmpty ? "ok" : counted(mailbox.differences.count, "difference")
      lines.append(
        "\(printable(mailbox.name)): \(verdict), \(mailbox.onServer) on the server, \(mailbox.inState) in the state, "
          + "\(mailbox.inFolder) in the folder")
      lines += mailbox.differences.map { "  \(printable($0))" }
      lines += mailbox.explained.map { "  known: \(printable($0))" }
      lines += mailbox.repaired.map { "  repaired: \(printable($0))" }
    }
    let different = mailboxes.count { !$0.differences.isEmpty }
    lines.append(
      "\(printable(account)): \(counted(mailboxes.count, "mailbox", "mailboxes")) compared, "
        + (different == 0 ? "no difference" : "\(different) with differences"))
    return lines
  }
}
