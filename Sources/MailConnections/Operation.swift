import IMAPProtocol
import NIOCore

/// What a connection is asked to do: one command or several, whose answers belong together. Operations follow one
/// another on a connection; the commands within one are pipelined. Used on the connection's event loop only.
protocol Operation: AnyObject {
  /// For errors: `FETCH`, or `the list of mailboxes`.
  var name: String { get }
  /// What to send now, when `unanswered` commands of this operation wait for their end; nil for nothing yet or no more.
  func next(unanswered: Int, capabilities: CapabilitySet) -> Command?
  func received(_ untagged: Untagged)
  /// True when the response answers this operation, and so is no news of somebody else's doing.
  func received(_ fetched: FetchedAttributes) -> Bool
  func bodyBegins(_ body: BodyBegin)
  func bodyContinues(_ bytes: UnsafeRawBufferPointer)
  func bodyEnds()
  /// The end of a command. An error thrown here fails the operation, once all its commands are answered.
  func answered(_ command: Command, _ tagged: Tagged) throws
  /// All commands are answered and there is none to come.
  func complete()
  func fail(_ error: any Error)
  /// Nothing more should be read from the server now.
  var holdsReading: Bool { get }
  /// The server has sent `+` and no literal waits for it.
  func continued()
  /// What is to be sent that belongs to a command already sent.
  func takeBytes() -> [UInt8]
  /// Only the tagged ends of its commands are missing: what follows may be sent already.
  var isEnding: Bool { get }
  /// The server has nothing to say unless something happens.
  var maySayNothing: Bool { get }
  /// How long the server may be silent where it has something to say; nil for the account's `timeout`.
  var patience: TimeAmount? { get }
  /// Whether the server says this because it was asked to by one of its commands.
  func asksFor(_ notice: MailboxNotice) -> Bool
}

extension Operation {
  func received(_ untagged: Untagged) {}
  func received(_ fetched: FetchedAttributes) -> Bool { false }
  func bodyBegins(_ body: BodyBegin) {}
  func bodyContinues(_ bytes: UnsafeRawBufferPointer) {}
  func bodyEnds() {}
  var holdsReading: Bool { false }
  func continued() {}
  func takeBytes() -> [UInt8] { [] }
  var isEnding: Bool { false }
  var maySayNothing: Bool { false }
  var patience: TimeAmount? { nil }
  func asksFor(_ notice: MailboxNotice) -> Bool { false }

  func answered(_ command: Command, _ tagged: Tagged) throws { try tagged.requireOK(command) }
}

extension Tagged {
  func requireOK(_ command: Command) throws(ConnectionError) {
    guard status == .ok else { throw .refused(command: command.name, text) }
  }
}

/// What couldn't be read while an operation was under way.
struct UnreadableParts {
  private(set) var uids = UIDSetGatherer()
  private var other: String?

  mutating func note(_ malformed: MalformedResponse) {
    if malformed.kind == "FETCH", let uid = malformed.uid {
      uids.insert(uid.value...uid.value)
    } else if other == nil {
      other = "\(malformed.kind) in \(malformed.excerpt)"
    }
  }

  /// Throws where something was unreadable that is not the matter of one message alone.
  func requireNone(for command: String) throws(ConnectionError) {
    if let other { throw .incomplete(command: command, other) }
    if uids.overflowed { throw .incomplete(command: command, "more ranges than any mailbox has") }
  }
}
