/// What `mailmirror verify` found in one account.
package struct VerifySummary: Equatable, Sendable {
  package struct Mailbox: Equatable, Sendable {
    package var name: String
    package var onServer: Int
    package var inState: Int
    package var inFolder: Int
    package var differences: [String]
    /// Differences that have a recorded reason.
    package var explained: [String]

    package init(
      name: String, onServer: Int, inState: Int, inFolder: Int, differences: [String] = [], explained: [String] = []
    ) {
      self.name = name
      self.onServer = onServer
      self.inState = inState
      self.inFolder = inFolder
      self.differences = differences
      self.explained = explained
    }
  }

  package var account: String
  package var mailboxes: [Mailbox] = []
  /// `WHERE: WHAT; REMEDY`
  package var failures: [String] = []

  package init(account: String, mailboxes: [Mailbox] = [], failures: [String] = []) {
    self.account = account
    self.mailboxes = mailboxes
    self.failures = failures
  }

  package var isClean: Bool { failures.isEmpty && mailboxes.allSatisfy(\.differences.isEmpty) }

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
    }
    let different = mailboxes.count { !$0.differences.isEmpty }
    lines.append(
      "\(printable(account)): \(counted(mailboxes.count, "mailbox", "mailboxes")) compared, "
        + (different == 0 ? "no difference" : "\(different) with differences"))
    return lines
  }
}
