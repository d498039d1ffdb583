import LinuxFiles
import Logging
import MailModel
import NIOCore
import POP3Protocol
import Transport

/// One session with a POP3 server, signed in. Calls are served in their order; where the server has PIPELINING, the
/// commands of a call go out while earlier ones wait for their answers, so calls made together share round trips. A
/// task that is cancelled in a call closes the connection, and then nothing is deleted.
package final class POP3Connection: Sendable {
  /// After the login, which is what counts.
  package let capabilities: ServerCapabilities
  package let facts: SignInFacts
  let channel: any Channel
  let handler: NIOLoopBound<POP3ChannelHandler>
  let budget: InFlightBudget
  private let shared: SharedState

  private init(
    _ opened: ConnectionSetup.Opened<POP3ChannelHandler, POP3ChannelHandler.Session>, _ setup: ConnectionSetup
  ) {
    capabilities = opened.session.capabilities
    facts = opened.session.facts
    channel = opened.channel
    handler = opened.handler
    budget = setup.budget
    shared = setup.shared
  }

  deinit {
    // Not at once: the last reference may go in the middle of the handler's own work on the event loop.
    let channel = channel
    channel.eventLoop.execute { channel.close(promise: nil) }
  }

  /// Connects, makes TLS and signs in. A token that the server refuses may only have expired: a fresh one is tried at
  /// once, on a new connection, and sent the other way.
  /// - Throws: `POP3Failure` or `CancellationError`.
  package static func open(
    _ endpoint: ServerEndpoint, group: any EventLoopGroup, budget: InFlightBudget, logger: Logger
  ) async throws -> POP3Connection {
    try await endpoint.withFreshSecret(logger) { error in
      switch error as? POP3Failure {
      case .session(.authenticationRefused)?: true
      // A server that does not take a long line may end the session over it.
      case .dropped?: endpoint.credentials.kind == .token
      default: false
      }
    } attempt: { endpoint, isSecond in
      var policy = endpoint.signInPolicy
      if isSecond { policy.tokenForm = policy.tokenForm.other }
      return try await connect(endpoint, policy, group: group, budget: budget, logger: logger)
    }
  }

  private static func connect(
    _ endpoint: ServerEndpoint, _ policy: SignInPolicy, group: any EventLoopGroup, budget: InFlightBudget,
    logger: Logger
  ) async throws -> POP3Connection {
    let setup = ConnectionSetup(endpoint: endpoint, budget: budget, logger: logger)
    do {
      let opened = try await setup.open(group) { POP3ChannelHandler($0, policy: policy, established: $1) }
      return POP3Connection(opened, setup)
    } catch {
      try Task.checkCancellation()
      switch error {
      case let failure as TLSFailure: throw POP3Failure.transport(.tls(failure))
      case let failure as TransportError: throw POP3Failure.transport(failure)
      case let failure as POP3Failure: throw failure
      default: throw POP3Failure.dropped("the server ended it")
      }
    }
  }

  package var isOpen: Bool { shared.now.isOpen }

  /// Inside TLS.
  package var octets: (received: UInt64, sent: UInt64) { traffic() }

  /// Counts on when the connection is closed, and does not keep it.
  package var traffic: @Sendable () -> (received: UInt64, sent: UInt64) {
    { [shared] in
      let now = shared.now
      return (now.received, now.sent)
    }
  }

  /// Of this machine's end, without a scope; nil for a tunnel.
  package var localAddress: String? { channel.localAddress?.ipAddress.map { String($0.prefix { $0 != "%" }) } }

  /// The server may be gone: what it owes us, now or next, is to begin within that time, or the connection ends.
  package func hurry(within limit: Duration) {
    let handler = handler
    channel.eventLoop.execute { handler.value.hurry(within: TimeAmount(limit)) }
  }

  /// STAT (RFC 1939 section 5); at most a million messages are counted.
  package func status() async throws -> MaildropStatus { try await run { MaildropStatusOperation($0) } }

  /// RETR of each (RFC 1939 section 5), streamed into sinks; `sink` is called on the event loop when a message begins,
  /// in the order of `numbers`, and nil lets its bytes pass. A message that the server refuses begins no sink; what is
  /// cut ends in `abort`. `MessageAttributes` are empty: a POP3 server says nothing of a message.
  package func retrieve(
    _ numbers: [MessageNumber], into sink: @escaping @Sendable (MessageNumber) -> (any MessageSink)?
  ) async throws -> RetrieveOutcome {
    let (handler, budget, allocator) = (handler, budget, channel.allocator)
    return try await run { promise in
      let owner = ObjectIdentifier(handler.value)
      return RetrieveOperation(
        numbers, into: sink,
        stream: { BodyStream(sink: $0, announcedSize: $1, budget: budget, owner: owner, allocator: allocator) }, promise
      )
    }
  }

  /// TOP with no lines of the body: the header with LF line ends, cut at 256 kB; nil where the server refuses.
  package func header(_ number: MessageNumber) async throws -> [UInt8]? {
    let allocator = channel.allocator
    return try await run { HeaderOperation(number, allocator, $0) }
  }

  /// DELE of each: marks them. Only `quit` deletes.
  package func delete(_ numbers: [MessageNumber]) async throws -> DeleteOutcome {
    try await run { DeleteOperation(numbers, $0) }
  }

  /// RSET: nothing is marked any more.
  package func reset() async throws { try await run { PlainPOP3Operation(.reset, $0) } }

  package func noop() async throws { try await run { PlainPOP3Operation(.noop, $0) } }

  /// QUIT: what is marked is deleted when this returns, and the connection is closed.
  /// - Throws: `.unknownOutcome` where QUIT may have reached the server and its +OK did not come; any other failure
  ///   where it was not sent, and so nothing is deleted.
  package func quit() async throws {
    let answer: Result<Void, any Error>
    do { answer = .success(try await run { QuitOperation($0) }) } catch { answer = .failure(error) }
    close()
    try? await channel.closeFuture.get()
    try answer.get()
  }

  /// At once; nothing is deleted.
  package func close() {
    let handler = handler
    channel.eventLoop.execute { handler.value.fail(.closed) }
  }

  /// Calls `body` once, on the event loop, when the connection is closed.
  package func whenClosed(_ body: @escaping @Sendable () -> Void) {
    channel.closeFuture.whenComplete { _ in body() }
  }

  /// Runs an operation to its end.
  private func run<Result: Sendable>(
    _ make: @escaping @Sendable (EventLoopPromise<Result>) -> any POP3Operation
  ) async throws -> Result {
    try Task.checkCancellation()
    let (eventLoop, handler) = (channel.eventLoop, handler)
    let promise = eventLoop.makePromise(of: Result.self)
    do {
      return try await Pulse.counting(shared.progress) {
        try await withTaskCancellationHandler {
          eventLoop.execute { handler.value.enqueue(make(promise)) }
          return try await promise.futureResult.get()
        } onCancel: {
          close()
        }
      }
    } catch let failure as POP3Failure where failure.isUnknownOutcome {
      // A cancelled task must know this, too.
      throw failure
    } catch {
      try Task.checkCancellation()
      throw error
    }
  }
}

extension POP3Failure {
  fileprivate var isUnknownOutcome: Bool { if case .unknownOutcome = self { true } else { false } }
}
