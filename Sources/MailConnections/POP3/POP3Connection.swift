import Logging
import MailModel
import NIOCore
import POP3Protocol

/// One session with a POP3 server, signed in. Calls are served in their order; where the server has PIPELINING, the
/// commands of a call go out while earlier ones wait for their answers, so calls made together share round trips. A
/// task that is cancelled in a call closes the connection, and then nothing is deleted.
package final class POP3Connection: Sendable {
  /// After the login, which is what counts.
  package let capabilities: ServerCapabilities

  private init() { capabilities = ServerCapabilities() }

  /// Connects, makes TLS and signs in. A token that the server refuses may only have expired: a fresh one is tried at
  /// once, on a new connection.
  /// - Throws: `POP3Failure` or `CancellationError`.
  package static func open(
    _ endpoint: ServerEndpoint, group: any EventLoopGroup, budget: InFlightBudget, logger: Logger
  ) async throws -> POP3Connection {
    throw POP3Failure.closed
  }

  package var isOpen: Bool { false }

  /// Inside TLS.
  package var octets: (received: UInt64, sent: UInt64) { (0, 0) }

  /// STAT (RFC 1939 section 5).
  package func status() async throws -> MaildropStatus { throw POP3Failure.closed }

  /// LIST (RFC 1939 section 5).
  package func sizes() async throws -> MessageSizes { throw POP3Failure.closed }

  /// UIDL (RFC 1939 section 7); nil when the server has none.
  package func uniqueIDs() async throws -> UniqueIDListing? { throw POP3Failure.closed }

  /// RETR of each (RFC 1939 section 5), streamed into sinks; `sink` is called on the event loop when a message begins,
  /// in the order of `numbers`, and nil lets its bytes pass. What the server cuts or refuses ends in `abort` or begins
  /// no sink. `MessageAttributes` are empty: a POP3 server says nothing of a message.
  package func retrieve(
    _ numbers: [MessageNumber], into sink: @escaping @Sendable (MessageNumber) -> (any MessageSink)?
  ) async throws -> RetrieveOutcome { throw POP3Failure.closed }

  /// TOP with no lines of the body: the header with LF line ends, cut at 256 kB; nil where the server refuses.
  package func header(_ number: MessageNumber) async throws -> [UInt8]? { throw POP3Failure.closed }

  /// DELE of each: marks them. Only `quit` deletes.
  package func delete(_ numbers: [MessageNumber]) async throws -> DeleteOutcome { throw POP3Failure.closed }

  /// RSET: nothing is marked any more.
  package func reset() async throws { throw POP3Failure.closed }

  package func noop() async throws { throw POP3Failure.closed }

  /// QUIT: what is marked is deleted when this returns, and the connection is closed.
  /// - Throws: `.unknownOutcome` where QUIT may have reached the server and its +OK did not come; any other failure
  ///   where it was not sent, and so nothing is deleted.
  package func quit() async throws { throw POP3Failure.closed }

  /// At once; nothing is deleted.
  package func close() {}
}
