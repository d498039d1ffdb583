import MailModel

/// What `ResponseParser` makes of the server's bytes, in the order of the bytes.
package enum ParserEvent {
  case response(Response)
  /// The value of a body section in a FETCH response begins, be it a literal, a literal8 or a quoted string. Its
  /// bytes follow in any number of pieces, then `.bodyEnd`; the FETCH response itself comes after the last of them.
  /// A section that is `NIL` gives no such events: see `FetchedAttributes.nilSections`.
  case bodyBegin(BodyBegin)
  /// Valid only during the call.
  case bodyBytes(UnsafeRawBufferPointer)
  case bodyEnd
}

/// The start of a body in a FETCH response: `* 7 FETCH (UID 12 BODY[HEADER]<0> {2048}`.
package struct BodyBegin: Hashable, Sendable {
  package var sequenceNumber: UInt32
  /// In upper case and without the origin: `BODY[]`, `BODY[HEADER]`, `RFC822`.
  package var section: String
  /// The first octet's place in the section for a partial fetch: `<0>`.
  package var origin: UInt64?
  package var size: UInt64
  /// The UID when it came earlier in this response.
  package var uidSoFar: UID?

  package init(sequenceNumber: UInt32, section: String, origin: UInt64? = nil, size: UInt64, uidSoFar: UID? = nil) {
    self.sequenceNumber = sequenceNumber
    self.section = section
    self.origin = origin
    self.size = size
    self.uidSoFar = uidSoFar
  }
}

/// One response of the server (RFC 3501 section 7).
package enum Response: Hashable, Sendable {
  case tagged(Tagged)
  case untagged(Untagged)
  case continuation(Continuation)
}

/// The end of a command: `A3 OK [READ-WRITE] done` (RFC 3501 section 7.1).
package struct Tagged: Hashable, Sendable {
  package enum Status: Hashable, Sendable { case ok, no, bad }

  package var tag: String
  package var status: Status
  package var text: ResponseText

  package init(tag: String, status: Status, text: ResponseText) {
    self.tag = tag
    self.status = status
    self.text = text
  }
}

/// The server waits for a literal or a SASL response: `+ Ready` (RFC 3501 section 7.5).
package struct Continuation: Hashable, Sendable {
  /// All that stands after `+ `, as sent: a SASL challenge is base64 in here.
  package var bytes: [UInt8]

  package init(bytes: [UInt8]) { self.bytes = bytes }

  package var text: ResponseText { ResponseText(code: nil, text: ServerText.sanitized(bytes)) }
}

/// What the server says outside of a command's end: `* 23 EXISTS` (RFC 3501 section 7).
package enum Untagged: Hashable, Sendable {
  package enum Condition: Hashable, Sendable { case ok, no, bad, bye, preauth }

  case condition(Condition, ResponseText)
  case capability([String])
  /// `* ENABLED QRESYNC` (RFC 5161 section 3.2).
  case enabled([String])
  case list(ListEntry)
  case lsub(ListEntry)
  case status(MailboxName, MailboxStatus)
  /// `* SEARCH 2 5 9 (MODSEQ 917162500)`: numbers or UIDs, as asked; several lines of one command are to be united.
  case search(UIDSet, ModSequence?)
  case esearch(ESearch)
  case flags([String])
  case exists(UInt32)
  case recent(UInt32)
  case expunge(UInt32)
  /// `* VANISHED (EARLIER) 41,43:116` (RFC 7162 section 3.2.10).
  case vanished(earlier: Bool, UIDSet)
  case fetch(FetchedAttributes)
  case namespace(Namespaces)
  /// `* ID ("name" "Dovecot")` (RFC 2971); the texts are sanitised.
  case id([String: String?])
  /// A response of a kind that we don't know; skipped. The name is sanitised.
  case unknown(String)
  /// A response of a kind that we know, whose end was found but whose content can't be read: the results of the
  /// commands under way are incomplete. Body events of it may have come before.
  case malformed(MalformedResponse)
}

/// A known response that can't be read: `* LIST (\Noselect`.
package struct MalformedResponse: Hashable, Sendable {
  /// `LIST`, `FETCH`, ...
  package var kind: String
  /// Its beginning, sanitised, for the log.
  package var excerpt: String
  /// Where it is a FETCH response whose UID could be read: the one message that causes it.
  package var uid: UID?

  package init(kind: String, excerpt: String, uid: UID? = nil) {
    self.kind = kind
    self.excerpt = excerpt
    self.uid = uid
  }
}
