import IMAPProtocol
import MailConnections
import MailModel

/// Which mailbox of a listing is the Trash: the one marked so (RFC 6154), else one of a usual name where none is.
enum TrashMailbox {
  private static let usualNames: Set<String> = [
    "trash", "deleted", "deleted items", "deleted messages", "bin", "papierkorb", "corbeille", "papelera",
  ]

  /// The name for one that is to be made, in the namespace that is the person's own (RFC 2342).
  static func usualName(_ facts: SessionFacts) -> MailboxName {
    MailboxName(wire: (facts.namespaces?.personal.first?.prefix.wire ?? []) + Array("Trash".utf8))
  }

  static func find(in listing: [ListEntry]) -> ListEntry? {
    let selectable = listing.filter(\.isSelectable)
    if let marked = selectable.first(where: { $0.specialUse == .trash }) { return marked }
    return selectable.first { entry in
      let delimiter = entry.delimiter.map { Character(UnicodeScalar($0)) }
      let parts = entry.name.description.split(separator: delimiter ?? "\0").map { $0.lowercased() }
      switch parts.count {
      case 1: return usualNames.contains(parts[0])
      case 2: return (parts[0] == "inbox" || parts[0] == "[gmail]") && usualNames.contains(parts[1])
      default: return false
      }
    }
  }
}
