/// What the sync of one account came to.
package struct SyncResult: Codable, Equatable, Sendable {
  package var account: String
  package var delivered = 0
  package var flagsChanged = 0
  package var quarantined = 0
  /// Sent to the server: new messages, moves, deletions, changes of flags.
  package var uploaded = 0
  package var moved = 0
  package var deleted = 0
  package var flagsStored = 0
  package var octets: Int64 = 0
  package var mailboxes = 0
  package var pendingLocal = 0
  package var holds = 0
  /// What a dry run would do, one line each.
  package var planned: [String]?
  /// What the person should know although nothing failed.
  package var notices: [String] = []
  /// `WHERE: WHAT; REMEDY`
  package var failures: [String] = []

  package init(account: String, failures: [String] = []) {
    self.account = account
    self.failures = failures
  }
}
