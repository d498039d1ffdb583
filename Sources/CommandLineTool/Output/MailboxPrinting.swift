import ControlProtocol

extension ListedMailbox {
  package static func lines(_ listings: [ListedMailbox], width: Int?) -> [String] {
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
