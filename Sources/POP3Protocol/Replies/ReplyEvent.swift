/// What the answer to a command looks like, which only the command tells.
package enum ReplyShape: Hashable, Sendable {
  /// One line.
  case single
  /// One line; after `+OK` further lines up to one that is a dot.
  case lines
  /// One line; after `+OK` a message up to a line that is a dot.
  case message
  /// One line, which may be a challenge instead of an end: `+ PDE4OTY=` (RFC 5034 section 4).
  case exchange
}

/// What a parser finds, in order.
package enum ReplyEvent {
  /// With the line as it came, without its end; valid during the call only.
  case reply(Reply, line: UnsafeRawBufferPointer)
  /// What stands behind `+ `; valid during the call only.
  case challenge(UnsafeRawBufferPointer)
  /// One further line, unstuffed, without its end; valid during the call only.
  case line(UnsafeRawBufferPointer)
  /// The beginning of a line that is longer than any has to be.
  case overlongLine(UnsafeRawBufferPointer)
  /// A piece of a message, unstuffed; valid during the call only.
  case message(UnsafeRawBufferPointer)
  /// The end of further lines or of a message.
  case end
}

/// What a server says that can't be understood as what was asked for: nothing behind it can, either.
package enum ReplyError: Error, Hashable, Sendable {
  /// Neither `+OK` nor `-ERR`.
  case noReply(excerpt: String)
  case notAskedFor(excerpt: String)
  case tooLong(excerpt: String)
  /// An answer of more lines than any has.
  case endless(excerpt: String)
}

extension ReplyError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .noReply(let excerpt): "it answered with neither +OK nor -ERR: \(excerpt)"
    case .notAskedFor(let excerpt): "it said what was not asked for: \(excerpt)"
    case .tooLong(let excerpt): "it sent a line without an end: \(excerpt)"
    case .endless(let excerpt): "it sent an answer without an end: \(excerpt)"
    }
  }
}
