/// Where a mailbox is kept, as `Mailboxes` and `mailmirror mailboxes` tell it.
package struct ListedMailbox: Codable, Equatable, Sendable {
  package var account: String
  package var name: String
  /// The bytes that the server knows it by, those beyond ASCII as `\xNN`.
  package var wire: String?
  /// Nil for one that is not mirrored.
  package var folder: String?
  /// Messages in the folder; nil for one that is not mirrored.
  package var messages: Int?

  package init(account: String, name: String, wire: String? = nil, folder: String? = nil, messages: Int? = nil) {
    self.account = account
    self.name = name
    self.wire = wire
    self.folder = folder
    self.messages = messages
  }
}
