import MailModel

/// A command of the client, without its tag (RFC 3501 section 6).
package enum Command: Hashable, Sendable {
  case capability
  case noop
  /// Ended by `DONE`, which is no command of its own (RFC 2177).
  case idle
  /// `NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange)) (personal (...))` (RFC 5465).
  case notify(NotifyRequest)
  case logout
  case check
  case startTLS
  case login(user: [UInt8], password: [UInt8])
  /// The initial response goes along only where the server has SASL-IR (RFC 4959).
  case authenticate(mechanism: String, initialResponse: [UInt8]?)
  /// RFC 2971; sent in the order of the keys.
  case id([String: String])
  case enable([String])
  case namespace
  /// `COMPRESS DEFLATE`: nothing may be sent before its answer (RFC 4978).
  case compress
  /// `LIST "" "*" RETURN (SUBSCRIBED STATUS (MESSAGES))`; patterns may hold `*` and `%`.
  case list(pattern: [UInt8], returning: ListReturn)
  case lsub(pattern: [UInt8])
  case status(MailboxName, [StatusItem])
  /// EXAMINE when read-only. `condStore` is left out when there are QRESYNC parameters, which imply it.
  case select(MailboxName, readOnly: Bool, condStore: Bool, resync: QResyncParameters?)
  case unselect
  /// All UIDs, or those of the set that exist; `esearch` asks for `RETURN (ALL)`.
  case uidSearch(UIDSet?, esearch: Bool)
  case uidFetch(UIDSet, items: [FetchItem], changedSince: ModSequence?, vanished: Bool)
  /// `UID STORE 3:5 (UNCHANGEDSINCE 715) +FLAGS.SILENT (\\Seen)` (RFC 3501 section 6.4.6, RFC 7162 section 3.1.3).
  case uidStore(UIDSet, FlagStore, FlagSet, unchangedSince: ModSequence?)
  case uidCopy(UIDSet, MailboxName)
  /// RFC 6851.
  case uidMove(UIDSet, MailboxName)
  /// RFC 4315. There is no plain EXPUNGE here: it would take other people's messages along.
  case uidExpunge(UIDSet)
  /// The command up to and with the first literal's size; its octets follow, and then an `AppendPart` for each further
  /// message (RFC 3501 section 6.3.11, RFC 3502).
  case append(MailboxName, AppendPart)
  case create(MailboxName)
  case rename(MailboxName, to: MailboxName)
  case delete(MailboxName)
  case subscribe(MailboxName)
  case unsubscribe(MailboxName)
}

package enum FlagStore: String, Hashable, Sendable {
  case adding = "+FLAGS.SILENT"
  case removing = "-FLAGS.SILENT"
}

/// What LIST is asked to add (RFC 5258, 5819, 6154).
package struct ListReturn: Hashable, Sendable {
  package var subscribed: Bool
  package var specialUse: Bool
  package var status: [StatusItem]

  package init(subscribed: Bool = false, specialUse: Bool = false, status: [StatusItem] = []) {
    self.subscribed = subscribed
    self.specialUse = specialUse
    self.status = status
  }
}

package enum StatusItem: String, Hashable, Sendable {
  case messages = "MESSAGES"
  case recent = "RECENT"
  case uidNext = "UIDNEXT"
  case uidValidity = "UIDVALIDITY"
  case unseen = "UNSEEN"
  case highestModSequence = "HIGHESTMODSEQ"
  case size = "SIZE"
}

/// What is known of a mailbox when it is selected: `(QRESYNC (67890007 20050715194045000 41:211))` (RFC 7162 section
/// 3.2.5).
package struct QResyncParameters: Hashable, Sendable {
  package var uidValidity: UIDValidity
  package var modSequence: ModSequence
  package var knownUIDs: UIDSet?

  package init(uidValidity: UIDValidity, modSequence: ModSequence, knownUIDs: UIDSet? = nil) {
    self.uidValidity = uidValidity
    self.modSequence = modSequence
    self.knownUIDs = knownUIDs
  }
}

package enum FetchItem: String, Hashable, Sendable {
  case uid = "UID"
  case flags = "FLAGS"
  case internalDate = "INTERNALDATE"
  case rfc822Size = "RFC822.SIZE"
  case modSequence = "MODSEQ"
  case emailID = "EMAILID"
  case threadID = "THREADID"
  case gmailMessageID = "X-GM-MSGID"
  case gmailThreadID = "X-GM-THRID"
  case gmailLabels = "X-GM-LABELS"
  case body = "BODY.PEEK[]"
  case header = "BODY.PEEK[HEADER]"
}

/// What goes out for a command. After `.awaitContinuation` the rest may be sent only when the server has sent `+`.
package enum CommandSegment: Hashable, Sendable {
  case bytes([UInt8])
  case awaitContinuation
}

/// A value that no command can carry.
package enum CommandError: Error, Hashable, Sendable {
  /// NUL, CR or LF in a mailbox name.
  case badMailboxName(MailboxName)
  /// NUL in a text.
  case unencodable(String)
  case emptySet
}

extension CommandError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .badMailboxName(let name):
      "the mailbox name \(name) holds a control character that no command can carry; rename it on the server"
    case .unencodable(let what): "the \(what) holds a character that no command can carry; correct it"
    case .emptySet: "a command for no message at all"
    }
  }
}
