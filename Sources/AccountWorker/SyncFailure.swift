/// Something that went wrong, by how far it reaches and whether trying again can help, with what a person can do.
package struct SyncFailure: Error, Sendable, Equatable {
  package enum Scope: Sendable, Equatable { case message, mailbox, account }
  package enum Retry: Sendable, Equatable { case now, later, never }

  package var scope: Scope
  package var retry: Retry
  /// The account, or account and mailbox: `work/Lists/swift`.
  package var location: String
  package var what: String
  package var remedy: String
  /// The message, where it is one message's matter.
  package var uid: UInt32?
  /// Nothing failed: something waits for the person's word.
  package var isHold = false
  /// Nothing failed: the server wants to be asked later.
  package var isWait = false

  package init(scope: Scope, retry: Retry, location: String, what: String, remedy: String) {
    self.scope = scope
    self.retry = retry
    self.location = location
    self.what = what
    self.remedy = remedy
  }
}

extension SyncFailure: CustomStringConvertible {
  package var description: String { "\(location): \(what); \(remedy)" }
}
