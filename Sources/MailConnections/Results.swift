import IMAPProtocol
import MailModel

/// One mailbox of a listing.
package struct ListedMailbox: Hashable, Sendable {
  package var entry: ListEntry
  package var isSubscribed: Bool
  /// nil where it was not asked for or the server gave none.
  package var status: MailboxStatus?

  package init(entry: ListEntry, isSubscribed: Bool, status: MailboxStatus?) {
    self.entry = entry
    self.isSubscribed = isSubscribed
    self.status = status
  }
}

/// What the server said when a mailbox was selected (RFC 3501 section 6.3.1, RFC 7162).
package struct Selection: Hashable, Sendable {
  package var exists: UInt32 = 0
  package var uidValidity: UIDValidity?
  package var uidNext: UInt32?
  package var highestModSequence: ModSequence?
  package var noModSequence = false
  package var isReadOnly = false
  /// All UIDs, where they were asked for.
  package var listing: ExistingUIDs?
  /// nil when the server did not say, which means that all flags are permanent.
  package var permanentFlags: FlagSet?
  package var allowsNewKeywords = false
  package var mailboxID: String?
  /// `VANISHED (EARLIER)`: gone since the state that we named, possibly more than we ever knew.
  package var vanished = UIDSet()
  /// Messages whose changes could not be read.
  package var unreadable = UIDSet()

  package init() {}
}

/// All UIDs of the selected mailbox, from a complete listing.
package struct ExistingUIDs: Hashable, Sendable {
  package var uids: UIDSet
  /// The number of messages that the server last announced, when the listing was complete.
  package var exists: UInt32

  package init(uids: UIDSet, exists: UInt32) {
    self.uids = uids
    self.exists = exists
  }
}

/// What to ask of messages beside their UIDs.
package struct FetchItems: OptionSet, Hashable, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package static let flags = FetchItems(rawValue: 1)
  package static let internalDate = FetchItems(rawValue: 2)
  package static let size = FetchItems(rawValue: 4)
  package static let modSequence = FetchItems(rawValue: 8)
  package static let emailID = FetchItems(rawValue: 16)
  package static let gmailID = FetchItems(rawValue: 32)
  /// The header, gathered, at most 256 kB of each.
  package static let header = FetchItems(rawValue: 64)
}

package struct FetchOutcome: Hashable, Sendable {
  /// What `VANISHED (EARLIER)` named.
  package var vanished = UIDSet()
  /// Messages whose answer could not be read.
  package var unreadable = UIDSet()

  package init() {}
}

package struct FetchMessagesOutcome: Hashable, Sendable {
  package struct Refusal: Hashable, Sendable {
    package var uids: UIDSet
    package var text: ResponseText
  }

  /// Finished into their sinks.
  package var delivered = UIDSet()
  /// Batches that the server answered with NO or BAD; some of their messages may have been delivered before.
  package var refused: [Refusal] = []
  /// Messages for which a response could not be read.
  package var unreadable = UIDSet()

  package init() {}
}

/// What untagged responses have said of the selected mailbox since it was selected.
package struct MailboxState: Hashable, Sendable {
  package var exists: UInt32 = 0
  package var uidValidity: UIDValidity?
  /// Named by VANISHED (not EARLIER) since the selection.
  package var vanished = UIDSet()
  /// An EXPUNGE by number: only a listing tells which message is gone.
  package var sawExpunge = false
  /// Changes of flags that we did not ask for, by UID.
  package var flagChanges: [UID: MessageAttributes] = [:]
  /// Changes of flags came without a UID, or too many to keep.
  package var sawOtherFlagChanges = false

  package init() {}

  /// More than this is not kept.
  static let flagChangesLimit = 10_000
}
