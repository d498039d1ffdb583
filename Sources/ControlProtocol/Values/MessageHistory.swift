/// Something that happened to a message, as `History` and `mailmirror history` tell it.
package struct HistoryEntry: Codable, Equatable, Sendable {
  /// As in `2026-02-01T09:30:00Z`.
  package var time: String
  package var account: String
  package var mailbox: String
  /// `came`, `uploaded`, `copied`, `moved`, `replaced`, `deleted`, `quarantined`, `restored`, `flags changed`,
  /// `fetched again`, `forgotten`, `held`, `released`, `approved` or `rejected`.
  package var event: String
  /// On whose word: `server`, `folder` (somebody did it there), `person` (a command), or `sync` (our own doing).
  package var cause: String
  package var uid: UInt32?
  /// The file's name without its flags.
  package var file: String?
  package var detail: String

  package init(
    time: String, account: String, mailbox: String, event: String, cause: String, uid: UInt32? = nil,
    file: String? = nil, detail: String = ""
  ) {
    self.time = time
    self.account = account
    self.mailbox = mailbox
    self.event = event
    self.cause = cause
    self.uid = uid
    self.file = file
    self.detail = detail
  }
}

/// The history of one message or of all; where several messages were meant, those and no history.
package struct MessageHistory: Codable, Equatable, Sendable {
  package var entries: [HistoryEntry]
  package var matches: [ShownMessage]

  /// How many entries are told unless somebody wants another number.
  package static let usualLimit = 100

  package init(entries: [HistoryEntry] = [], matches: [ShownMessage] = []) {
    self.entries = entries
    self.matches = matches
  }
}

/// A message in quarantine.
package struct RestorableMessage: Codable, Equatable, Sendable {
  /// What `restore` takes.
  package var name: String
  package var account: String
  package var mailbox: String
  package var uid: UInt32?
  /// When it came to quarantine, and when it goes from there.
  package var removed: String
  package var until: String
  package var reason: String
  package var from: String?
  package var subject: String?
  package var date: String?

  package init(
    name: String, account: String, mailbox: String, uid: UInt32? = nil, removed: String, until: String, reason: String,
    from: String? = nil, subject: String? = nil, date: String? = nil
  ) {
    self.name = name
    self.account = account
    self.mailbox = mailbox
    self.uid = uid
    self.removed = removed
    self.until = until
    self.reason = reason
    self.from = from
    self.subject = subject
    self.date = date
  }
}

/// A message that is back in its folder.
package struct RestoredFile: Codable, Equatable, Sendable {
  package var name: String
  package var account: String
  package var mailbox: String
  /// Absolute.
  package var path: String

  package init(name: String, account: String, mailbox: String, path: String) {
    self.name = name
    self.account = account
    self.mailbox = mailbox
    self.path = path
  }
}

/// What `restore` came to; where one of the names fits several messages, those, and nothing was done.
package struct RestoreResult: Codable, Equatable, Sendable {
  package var restored: [RestoredFile]
  package var matches: [RestorableMessage]
  /// `WHERE: WHAT; REMEDY`
  package var failures: [String]

  package init(restored: [RestoredFile] = [], matches: [RestorableMessage] = [], failures: [String] = []) {
    self.restored = restored
    self.matches = matches
    self.failures = failures
  }
}
