import IMAPProtocol
import MailModel
import NIOCore

/// Takes the messages of `fetchMessages`; called on the connection's event loop, in order, must not block.
package protocol MessageReceiver: Sendable {
  /// A message's body begins. nil refuses it: its bytes are discarded.
  func begin(announcedSize: UInt64) -> (any MessageSink)?
}

/// Takes one message's bytes; called like its receiver. Either `finish` or `abort` comes last, once.
package protocol MessageSink: Sendable {
  /// Bytes with CRLF already turned into LF. `release` must be called once the bytes are written or dropped: it gives
  /// them back to the budget.
  func receive(_ bytes: ByteBuffer, release: @escaping @Sendable () -> Void)
  /// The whole message came.
  func finish(_ attributes: MessageAttributes, received: ReceivedBody)
  /// The connection broke, or the body was cut: nothing of it may be used.
  func abort(_ error: any Error)
}

/// How a body came over the wire.
package struct ReceivedBody: Hashable, Sendable {
  /// As received.
  package var wireOctets: UInt64
  /// After CRLF became LF.
  package var storedOctets: UInt64
  /// nil when every LF came as CRLF.
  package var lineEnds: LineEndRuns?

  package init(wireOctets: UInt64, storedOctets: UInt64, lineEnds: LineEndRuns?) {
    self.wireOctets = wireOctets
    self.storedOctets = storedOctets
    self.lineEnds = lineEnds
  }
}

/// Which LFs of the stored bytes were CRLF on the wire, so that the wire's bytes can be made again.
package enum LineEndRuns: Hashable, Sendable {
  /// Numbers of lines: ended by CRLF, then by a bare LF, then by CRLF, and so on.
  case runs([UInt64])
  case tooMany

  /// More changes than this between CRLF and LF are not kept.
  package static let limit = 16_384
}

/// What the server said of one message; only what it named is set.
package struct MessageAttributes: Hashable, Sendable {
  package var uid: UID?
  package var flags: FlagSet?
  package var internalDate: InternalDate?
  package var rfc822Size: UInt64?
  package var modSequence: ModSequence?
  package var emailID: String?
  package var gmailMessageID: UInt64?
  /// The header with LF line ends, where it was asked for; cut at 256 kB.
  package var headerBytes: [UInt8]?

  package init(
    uid: UID? = nil, flags: FlagSet? = nil, internalDate: InternalDate? = nil, rfc822Size: UInt64? = nil,
    modSequence: ModSequence? = nil, emailID: String? = nil, gmailMessageID: UInt64? = nil,
    headerBytes: [UInt8]? = nil
  ) {
    self.uid = uid
    self.flags = flags
    self.internalDate = internalDate
    self.rfc822Size = rfc822Size
    self.modSequence = modSequence
    self.emailID = emailID
    self.gmailMessageID = gmailMessageID
    self.headerBytes = headerBytes
  }

  init(_ fetched: FetchedAttributes) {
    self.init(
      uid: fetched.uid, flags: fetched.flags, internalDate: fetched.internalDate, rfc822Size: fetched.rfc822Size,
      modSequence: fetched.modSequence, emailID: fetched.emailID, gmailMessageID: fetched.gmailMessageID)
  }
}
