/// What `mailmirror verify` found in one account.
package struct VerifyResult: Codable, Equatable, Sendable {
  package var account: String
  package var mailboxes: [VerifiedMailbox] = []
  /// `WHERE: WHAT; REMEDY`
  package var failures: [String] = []

  package init(account: String, mailboxes: [VerifiedMailbox] = [], failures: [String] = []) {
    self.account = account
    self.mailboxes = mailboxes
    self.failures = failures
  }

  package var isClean: Bool { failures.isEmpty && mailboxes.allSatisfy(\.differences.isEmpty) }
}

/// What `verify` found in one mailbox.
package struct VerifiedMailbox: Codable, Equatable, Sendable {
  package var name: String
  package var onServer: Int
  package var inState: Int
  package var inFolder: Int
  package var differences: [String]
  /// Differences that have a recorded reason.
  package var explained: [String]
  /// What `--repair` did.
  package var repaired: [String]

  package init(
    name: String, onServer: Int, inState: Int, inFolder: Int, differences: [String] = [],
    explained: [String] = [], repaired: [String] = []
  ) {
    self.name = name
    self.onServer = onServer
    self.inState = inState
    self.inFolder = inFolder
    self.differences = differences
    self.explained = explained
    self.repaired = repaired
  }
}
