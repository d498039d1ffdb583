import MailModel

/// A mailbox in a listing: `* LIST (\HasNoChildren \Sent) "/" "Sent"` (RFC 3501 section 7.2.2, RFC 5258).
package struct ListEntry: Hashable, Sendable {
  package var name: MailboxName
  /// One octet; nil for `NIL` and `""`: the namespace is flat.
  package var delimiter: UInt8?
  /// As sent; compare with `has`.
  package var attributes: [String]
  /// The names in `CHILDINFO` of LIST's extended data (RFC 5258 section 3.5).
  package var childInfo: [String]
  /// The name before a rename, `OLDNAME` (RFC 5465 section 5.4).
  package var oldName: MailboxName?

  package init(
    name: MailboxName, delimiter: UInt8?, attributes: [String] = [], childInfo: [String] = [],
    oldName: MailboxName? = nil
  ) {
    self.name = name
    self.delimiter = delimiter
    self.attributes = attributes
    self.childInfo = childInfo
    self.oldName = oldName
  }

  /// Whether the attribute is there, in any case: `has("\\Noselect")`.
  package func has(_ attribute: String) -> Bool {
    let wanted = attribute.asciiLowercased()
    return attributes.contains { $0.asciiLowercased() == wanted }
  }

  /// False for `\Noselect` and `\NonExistent`.
  package var isSelectable: Bool { !has("\\Noselect") && !has("\\NonExistent") }
  package var specialUse: SpecialUse? { SpecialUse.allCases.first { has($0.rawValue) } }
}

/// What a mailbox is for (RFC 6154 section 2; `\Important` is RFC 8457).
package enum SpecialUse: String, CaseIterable, Hashable, Sendable {
  case all = "\\All"
  case archive = "\\Archive"
  case drafts = "\\Drafts"
  case flagged = "\\Flagged"
  case junk = "\\Junk"
  case sent = "\\Sent"
  case trash = "\\Trash"
  case important = "\\Important"
}

/// The numbers of a mailbox: `* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)` (RFC 3501 section 7.2.4). Only what
/// was sent and could be read is set.
package struct MailboxStatus: Hashable, Sendable {
  package var messages: UInt32?
  package var recent: UInt32?
  package var uidNext: UInt32?
  package var uidValidity: UIDValidity?
  package var unseen: UInt32?
  package var deleted: UInt32?
  /// RFC 7162 section 3.1.7; nil also for 0, which means none.
  package var highestModSequence: ModSequence?
  /// RFC 8438.
  package var size: UInt64?

  package init() {}
}

/// `* ESEARCH (TAG "A282") UID MIN 2 COUNT 3 ALL 2,10:11 MODSEQ 917162500` (RFC 4731).
package struct ESearch: Hashable, Sendable {
  package var tag: String?
  package var isUID: Bool = false
  package var min: UInt32?
  package var max: UInt32?
  package var count: UInt32?
  /// Nil when `ALL` was not sent, which is how a server answers "none" to `RETURN (ALL)`.
  package var all: UIDSet?
  package var modSequence: ModSequence?

  package init() {}
}

/// `* NAMESPACE (("" "/")) NIL (("#shared/" "/"))` (RFC 2342).
package struct Namespaces: Hashable, Sendable {
  package struct Namespace: Hashable, Sendable {
    package var prefix: MailboxName
    package var delimiter: UInt8?

    package init(prefix: MailboxName, delimiter: UInt8?) {
      self.prefix = prefix
      self.delimiter = delimiter
    }
  }

  package var personal: [Namespace]
  package var others: [Namespace]
  package var shared: [Namespace]

  package init(personal: [Namespace] = [], others: [Namespace] = [], shared: [Namespace] = []) {
    self.personal = personal
    self.others = others
    self.shared = shared
  }
}
