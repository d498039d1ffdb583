import IMAPProtocol
import MailModel
import NIOCore

/// A message to append.
package struct AppendMessage: Sendable {
  package var part: AppendPart
  /// The message's octets with CRLF line ends, a piece at a time, nil at the end; all together exactly `part.size`.
  package var body: @Sendable () async throws -> ByteBuffer?

  package init(
    flags: FlagSet, internalDate: InternalDate?, size: UInt64,
    body: @escaping @Sendable () async throws -> ByteBuffer?
  ) {
    part = AppendPart(flags: flags, internalDate: internalDate, size: size)
    self.body = body
  }
}

/// What became of one message of an APPEND.
package enum AppendResult: Hashable, Sendable {
  /// With its UID where the server has told it (RFC 4315), as the server said it: to be judged before it is believed.
  case done(AppendedUID?)
  case refused(ResponseText)
}

package struct AppendedUID: Hashable, Sendable {
  package var uidValidity: UIDValidity
  package var uid: UID
}

/// A message's source gave another number of octets than it had announced. The connection is closed, so that nothing
/// of it is stored.
package struct AppendSizeMismatch: Error, CustomStringConvertible {
  package let announced: UInt64
  package let given: UInt64
  package var description: String {
    "a message changed while it was sent: it had \(announced) octets, and then \(given)"
  }
}

/// APPEND of one message, or of several where the server has MULTIAPPEND (RFC 3502). The octets go out by themselves,
/// through `AppendFeed`, when the server is ready for them.
final class AppendOperation: Operation {
  private let mailbox: MailboxName
  private let parts: [AppendPart]
  private let promise: EventLoopPromise<Tagged>
  /// Told for each message when its octets may go out: true, or false where the server has refused it.
  private let ready: [EventLoopPromise<Bool>]
  private var isSent = false
  private var current = 0
  private var tagged: Tagged?
  let name = "APPEND"

  init(
    _ mailbox: MailboxName, _ parts: [AppendPart], ready: [EventLoopPromise<Bool>],
    _ promise: EventLoopPromise<Tagged>
  ) {
    self.mailbox = mailbox
    self.parts = parts
    self.ready = ready
    self.promise = promise
  }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    guard !isSent, let first = parts.first else { return nil }
    isSent = true
    if !first.waitsForContinuation(capabilities) { ready[0].succeed(true) }
    return .append(mailbox, first)
  }

  /// One that comes twice is for nobody.
  func continued() { if current < ready.count { ready[current].succeed(true) } }

  /// The octets of the current message are out; returns what comes behind them. A server that has answered while they
  /// were under way wants no further message.
  func ended(_ capabilities: CapabilitySet) -> String {
    current += 1
    guard current < parts.count, tagged == nil else { return "\r\n" }
    if !parts[current].waitsForContinuation(capabilities) { ready[current].succeed(true) }
    return parts[current].encoded(capabilities)
  }

  func answered(_ command: Command, _ tagged: Tagged) {
    self.tagged = tagged
    refuseRest()
  }

  private func refuseRest() { for promise in ready[min(current, ready.count)...] { promise.succeed(false) } }

  func complete() {
    if let tagged { promise.succeed(tagged) } else { fail(ConnectionError.incomplete(command: name, "no answer")) }
  }

  func fail(_ error: any Error) {
    for promise in ready { promise.fail(error) }
    promise.fail(error)
  }
}
