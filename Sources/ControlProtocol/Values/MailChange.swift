/// One message that came, changed, moved or went, a mailbox of which something waits for the person, or an
/// account that has not been current for too long: `Change` of the interface.
package struct MailChange: Codable, Equatable, Sendable {
  package enum Kind: String, Codable, CaseIterable, Sendable { case new, changed, moved, gone, held, stale }

  package var account: String
  /// Empty where the account as a whole is meant.
  package var mailbox: String
  package var kind: Kind
  /// As in `2026-02-01T09:30:00Z`.
  package var time: String
  package var uid: UInt32?
  /// The file; absolute.
  package var path: String?
  package var flags: [String]
  package var from: String?
  package var subject: String?
  /// Why something waits, or since when it is not current.
  package var reason: String?

  package init(
    account: String, mailbox: String, kind: Kind, time: String, uid: UInt32? = nil, path: String? = nil,
    flags: [String] = [], from: String? = nil, subject: String? = nil, reason: String? = nil
  ) {
    self.reason = reason
    self.account = account
    self.mailbox = mailbox
    self.kind = kind
    self.time = time
    self.uid = uid
    self.path = path
    self.flags = flags
    self.from = from
    self.subject = subject
  }
}
