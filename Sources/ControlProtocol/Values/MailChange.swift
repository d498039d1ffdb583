/// One message that came, changed, moved or went, or a mailbox of which something waits for the person: `Change` of the
/// interface.
package struct MailChange: Codable, Equatable, Sendable {
  package enum Kind: String, Codable, CaseIterable, Sendable { case new, changed, moved, gone, held }

  package var account: String
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
  /// Why something waits.
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
