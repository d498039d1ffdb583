/// Changes that wait for the person's word, as `Holds` and `mailmirror holds` tell them.
package struct HeldChanges: Codable, Equatable, Sendable {
  /// What `approve` and `reject` take: `work:3`.
  package var hold: String
  package var account: String
  package var mailbox: String
  /// `removals`, `deletions`, `flags`, `uploads`, `append`, `pull`, `folder`, `uidvalidity`, `uids` or `server`.
  package var kind: String
  /// The same in words.
  package var what: String
  package var messages: Int
  package var since: String
  package var reason: String
  /// What approving does.
  package var approve: String
  /// What rejecting does; nil where nothing can be restored.
  package var reject: String?
  /// Some of the messages, those with a file first.
  package var examples: [ShownMessage]

  package init(
    hold: String, account: String, mailbox: String, kind: String, what: String, messages: Int, since: String,
    reason: String, approve: String, reject: String?, examples: [ShownMessage] = []
  ) {
    self.hold = hold
    self.account = account
    self.mailbox = mailbox
    self.kind = kind
    self.what = what
    self.messages = messages
    self.since = since
    self.reason = reason
    self.approve = approve
    self.reject = reject
    self.examples = examples
  }
}

/// A message as a person knows it again.
package struct ShownMessage: Codable, Equatable, Sendable {
  package var account: String
  package var mailbox: String
  package var uid: UInt32?
  /// Absolute; nil where there is no file.
  package var path: String?
  package var from: String?
  package var subject: String?
  /// As in `2026-02-01T09:30:00Z`.
  package var date: String?

  package init(
    account: String, mailbox: String, uid: UInt32? = nil, path: String? = nil, from: String? = nil,
    subject: String? = nil, date: String? = nil
  ) {
    self.account = account
    self.mailbox = mailbox
    self.uid = uid
    self.path = path
    self.from = from
    self.subject = subject
    self.date = date
  }
}

/// A hold that a person has decided.
package struct DecidedHold: Codable, Equatable, Sendable {
  package var hold: String
  package var account: String
  package var mailbox: String
  package var messages: Int
  /// What that means: `they are fetched again`.
  package var effect: String

  package init(hold: String, account: String, mailbox: String, messages: Int, effect: String) {
    self.hold = hold
    self.account = account
    self.mailbox = mailbox
    self.messages = messages
    self.effect = effect
  }
}

/// What became of holds that were named.
package struct DecisionResult: Codable, Equatable, Sendable {
  package var decided: [DecidedHold]
  /// `WHERE: WHAT; REMEDY`
  package var failures: [String]

  package init(decided: [DecidedHold] = [], failures: [String] = []) {
    self.decided = decided
    self.failures = failures
  }
}
