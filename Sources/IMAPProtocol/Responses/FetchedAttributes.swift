import MailModel

/// What one FETCH response says of a message: `* 12 FETCH (UID 78 FLAGS (\Seen) MODSEQ (624140003))` (RFC 3501
/// section 7.4.2). Only what it names is set: a response with flags alone is a change of flags, never a new message.
package struct FetchedAttributes: Hashable, Sendable {
  package var sequenceNumber: UInt32
  package var uid: UID?
  package var flags: FlagSet?
  /// Nil also where the date can't be read.
  package var internalDate: InternalDate?
  package var rfc822Size: UInt64?
  package var modSequence: ModSequence?
  /// RFC 8474 section 5.
  package var emailID: String?
  package var threadID: String?
  /// `X-GM-MSGID`, `X-GM-THRID`, `X-GM-LABELS` of Gmail; labels as mailbox names on the wire.
  package var gmailMessageID: UInt64?
  package var gmailThreadID: UInt64?
  package var gmailLabels: [MailboxName]?
  /// The bodies that came as events before this response, in order.
  package var sections: [FetchedSection] = []
  /// Sections that the server answered with `NIL`, in upper case.
  package var nilSections: [String] = []
  /// Attributes of a kind that we know whose value can't be read, such as `UID 0`; in upper case.
  package var unreadable: [String] = []

  package init(sequenceNumber: UInt32) { self.sequenceNumber = sequenceNumber }
}

/// One body that came with a FETCH response.
package struct FetchedSection: Hashable, Sendable {
  /// In upper case and without the origin: `BODY[]`.
  package var section: String
  package var origin: UInt64?
  package var size: UInt64

  package init(section: String, origin: UInt64? = nil, size: UInt64) {
    self.section = section
    self.origin = origin
    self.size = size
  }
}
