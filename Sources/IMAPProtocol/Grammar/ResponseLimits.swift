import MailModel

/// How responses are read: how much of one is ever held or accepted, where what goes beyond is no mail server's doing,
/// and in which form names come.
package struct ResponseLimits: Hashable, Sendable {
  /// Octets of one line; literals begin a new one.
  package var line = 1 << 20
  /// The same for `SEARCH`, `ESEARCH` and `VANISHED`, which name every message of a mailbox.
  package var longLine = 16 << 20
  /// Octets of one literal that isn't a body.
  package var inlineLiteral = 1 << 20
  /// Literals in one response that aren't bodies.
  package var inlineLiterals = 10_000
  /// Octets of a response's lines and literals together, without its bodies.
  package var response = 4 << 20
  /// Octets of one body.
  package var body: UInt64 = 2_147_483_647
  /// Bodies in one response.
  package var bodies = 1_000
  /// Parentheses within parentheses; a value nested deeper is unreadable.
  package var nesting = 64
  /// Members of one list: flags, capabilities, namespaces, labels.
  package var listItems = 10_000
  /// Mailbox names are UTF-8, as after ENABLE UTF8=ACCEPT (RFC 6855 section 3), and not modified UTF-7.
  package var namesAreUTF8 = false

  package init() {}

  func mailboxName(_ bytes: [UInt8]) -> MailboxName {
    namesAreUTF8 ? MailboxName(utf8: bytes) : MailboxName(wire: bytes)
  }
}

/// Input after which no reading can be trusted to be in step with the server: the connection must be dropped.
package enum GrammarError: Error, Hashable, Sendable {
  case lineTooLong(excerpt: String)
  case literalTooLarge(octets: UInt64)
  /// A body above the limit; the UID says which message must be left out when it is known.
  case bodyTooLarge(octets: UInt64, uid: UID?)
  /// `{-1}`, `{99999999999999999999}`.
  case badLiteralSize(excerpt: String)
  case tooManyLiterals
  /// A line that is no untagged response, no continuation and no command's end.
  case unreadableLine(excerpt: String)
}

extension GrammarError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .lineTooLong(let excerpt): "the server sent a line without end: \(excerpt)"
    case .literalTooLarge(let octets): "the server announced a text of \(octets) octets where none can be that long"
    case .bodyTooLarge(let octets, let uid):
      "the server announced \(octets) octets for " + (uid.map { "the message with UID \($0)" } ?? "a message")
        + ", more than is accepted"
    case .badLiteralSize(let excerpt): "the server announced a size that can't be read: \(excerpt)"
    case .tooManyLiterals: "the server sent too many literals in one response"
    case .unreadableLine(let excerpt): "the server sent a line that is not IMAP: \(excerpt)"
    }
  }
}
