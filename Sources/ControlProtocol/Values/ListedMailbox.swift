/// What `mailmirror mailboxes` tells of one mailbox.
package struct MailboxListing: Codable, Equatable, Sendable {
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

  package static func lines(_ listings: [MailboxListing], width: Int?) -> [String] {
    var table = TextTable([.init("mailbox"), .init("messages", isNumber: true), .init("folder")])
    for listing in listings {
      table.rows.append([
        printable("\(listing.account)/\(listing.name)"), listing.messages.map(String.init) ?? "-",
        listing.folder.map { printable($0) } ?? "not mirrored",
      ])
    }
    return table.lines(width: width)
  }
}
