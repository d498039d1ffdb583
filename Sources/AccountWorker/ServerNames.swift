import IMAPProtocol
import MailConnections
import MailModel
import Maildir

/// The server's mailboxes by name, as far as a survey knows them, and how local folders are called there.
struct ServerNames: Sendable {
  private var selectable: Set<MailboxName>
  /// Those that only lead to others, too.
  private var all: Set<MailboxName>
  private let subscribed: Set<MailboxName>
  private let statuses: [MailboxName: MailboxStatus]
  let delimiter: UInt8?
  let prefix: [UInt8]

  init(_ listing: [ListedMailbox], facts: SessionFacts) {
    selectable = Set(listing.lazy.filter(\.entry.isSelectable).map(\.entry.name))
    all = Set(listing.map(\.entry.name))
    subscribed = Set(listing.lazy.filter(\.isSubscribed).map(\.entry.name))
    statuses = Dictionary(
      listing.compactMap { item in item.status.map { (item.entry.name, $0) } }, uniquingKeysWith: { first, _ in first })
    let personal = facts.namespaces?.personal.first
    delimiter =
      personal?.delimiter ?? listing.first { $0.entry.name.isInbox }?.entry.delimiter
      ?? listing.lazy.compactMap(\.entry.delimiter).first
    prefix = personal?.prefix.wire ?? []
  }

  /// Every account has an INBOX: a listing without one is not whole, whatever the server said at its end.
  var isComplete: Bool { selectable.contains(.inbox) }

  func has(_ name: MailboxName) -> Bool { all.contains(name) }
  func isSelectable(_ name: MailboxName) -> Bool { selectable.contains(name) }
  func status(_ name: MailboxName) -> MailboxStatus? { statuses[name] }

  func selects(_ name: MailboxName, _ selection: MailboxSelection) -> Bool {
    selection.selects(name, delimiter.map { Character(UnicodeScalar($0)) })
  }

  /// Whether a mailbox that is listed is to be mirrored.
  func mirrors(_ name: MailboxName, _ selection: MailboxSelection) -> Bool {
    selects(name, selection) && (!selection.subscribedOnly || subscribed.contains(name) || name.isInbox)
  }

  /// What lies below a mailbox.
  func below(_ name: MailboxName) -> [MailboxName] {
    guard let delimiter else { return [] }
    let start = name.wire + [delimiter]
    return all.filter { $0.wire.starts(with: start) }
  }

  /// The mailbox that a folder is meant to be: by `map`, else as the layout has it, in the namespace that is the
  /// person's own (RFC 2342). Nil where no mailbox has such a folder.
  func name(for path: FolderPath, _ settings: AccountSettings) -> MailboxName? {
    for (name, folder) in settings.folderNames {
      let mapped = try? settings.layout.folder(for: MailboxName(folder), separator: UInt8(ascii: "/"))
      if mapped == path { return MailboxName(name) }
    }
    guard let name = settings.layout.mailbox(for: path, separator: delimiter) else { return nil }
    return name.isInbox || name.wire.starts(with: prefix) ? name : MailboxName(wire: prefix + name.wire)
  }

  mutating func insert(_ name: MailboxName) {
    selectable.insert(name)
    all.insert(name)
  }

  mutating func remove(_ name: MailboxName) {
    selectable.remove(name)
    all.remove(name)
  }

  /// A mailbox has another name, and with it all that lie below it.
  mutating func rename(_ old: MailboxName, to new: MailboxName) {
    for name in below(old) {
      let isSelectable = selectable.contains(name)
      remove(name)
      let renamed = name.moved(from: old, to: new)
      all.insert(renamed)
      if isSelectable { selectable.insert(renamed) }
    }
    remove(old)
    insert(new)
  }
}

extension MailboxName {
  /// The name of a mailbox below `old` when that is called `new`.
  func moved(from old: MailboxName, to new: MailboxName) -> MailboxName {
    MailboxName(wire: new.wire + wire.dropFirst(old.wire.count))
  }
}
