import IMAPProtocol
import LinuxFiles
import Logging
import MailModel
import NIOCore
import Transport

/// One authenticated session with an IMAP server. Calls are served one after the other; a task that is cancelled in
/// one of them closes the connection.
package final class IMAPConnection: Sendable {
  package let capabilities: CapabilitySet
  package let facts: SessionFacts
  private let channel: any Channel
  private let handler: NIOLoopBound<IMAPChannelHandler>
  private let budget: InFlightBudget
  let shared: SharedState

  private init(
    _ session: IMAPChannelHandler.Session, _ channel: any Channel, _ handler: NIOLoopBound<IMAPChannelHandler>,
    _ budget: InFlightBudget, _ shared: SharedState
  ) {
    capabilities = session.capabilities
    facts = session.facts
    self.channel = channel
    self.handler = handler
    self.budget = budget
    self.shared = shared
  }

  deinit {
    // Not at once: the last reference may go in the middle of the handler's own work on the event loop.
    let channel = channel
    channel.eventLoop.execute { channel.close(promise: nil) }
  }

  /// Connects, makes TLS and logs in. A token that the server refuses may only have expired: a fresh one is tried at
  /// once, on a new connection.
  package static func open(
    _ endpoint: ServerEndpoint, group: any EventLoopGroup, budget: InFlightBudget, logger: Logger
  ) async throws -> IMAPConnection {
    try await endpoint.withFreshSecret(logger) { error in
      if case .session(.authenticationRefused)? = error as? ConnectionError { true } else { false }
    } attempt: { endpoint, _ in
      try await connect(endpoint, group: group, budget: budget, logger: logger)
    }
  }

  private static func connect(
    _ endpoint: ServerEndpoint, group: any EventLoopGroup, budget: InFlightBudget, logger: Logger
  ) async throws -> IMAPConnection {
    let setup = ConnectionSetup(endpoint: endpoint, budget: budget, logger: logger)
    do {
      let opened = try await setup.open(group) { IMAPChannelHandler($0, established: $1) }
      return IMAPConnection(opened.session, opened.channel, opened.handler, budget, setup.shared)
    } catch {
      try Task.checkCancellation()
      switch error {
      case let failure as TLSFailure: throw ConnectionError.transport(.tls(failure))
      case let failure as TransportError: throw ConnectionError.transport(failure)
      case let failure as ConnectionError: throw failure
      default: throw ConnectionError.broken("the server ended it")
      }
    }
  }

  /// Calls `body` once, on the event loop, when the connection is closed.
  package func whenClosed(_ body: @escaping @Sendable () -> Void) {
    channel.closeFuture.whenComplete { _ in body() }
  }

  /// Of this machine's end, without a scope; nil for a tunnel.
  package var localAddress: String? { channel.localAddress?.ipAddress.map { String($0.prefix { $0 != "%" }) } }

  /// The server may be gone: what it owes us, now or next, is to begin within that time, or the connection ends.
  package func hurry(within limit: Duration) { execute { $0.hurry(within: TimeAmount(limit)) } }

  package var isOpen: Bool { shared.now.isOpen }

  /// Inside TLS.
  package var octets: (received: UInt64, sent: UInt64) {
    let now = shared.now
    return (now.received, now.sent)
  }

  /// Counts on when the connection is closed, and does not keep it.
  package var traffic: @Sendable () -> (received: UInt64, sent: UInt64) {
    { [shared] in
      let now = shared.now
      return (now.received, now.sent)
    }
  }

  /// What untagged responses have said of the selected mailbox since it was selected.
  package var mailboxState: MailboxState { shared.mailbox }

  /// At once.
  package func close() {
    let handler = handler
    channel.eventLoop.execute { handler.value.fail(.closed) }
  }

  /// LOGOUT, then the end of TLS and of the connection; waits a moment for the server's BYE, for nothing depends on it.
  package func logout() async {
    let closing = channel.eventLoop.scheduleTask(in: .milliseconds(50)) { [handler] in handler.value.fail(.closed) }
    try? await run { LogoutOperation($0) }
    closing.cancel()
    close()
    try? await channel.closeFuture.get()
  }

  package var eventLoop: any EventLoop { channel.eventLoop }

  /// Runs on the event loop, behind what was asked before.
  func execute(_ body: @escaping @Sendable (IMAPChannelHandler) -> Void) {
    let handler = handler
    eventLoop.execute { body(handler.value) }
  }

  /// Runs an operation to its end.
  func run<Result: Sendable>(
    _ make: @escaping @Sendable (EventLoopPromise<Result>) -> any Operation
  ) async throws -> Result {
    try await run(batches: nil, make) { _ in }
  }

  /// Runs an operation to its end while its batches go to `onBatch`. An error of `onBatch` is thrown when the server
  /// has answered all that was asked.
  func run<Result: Sendable>(
    batches: BatchQueue?, _ make: @escaping @Sendable (EventLoopPromise<Result>) -> any Operation,
    onBatch: ([MessageAttributes]) async throws -> Void
  ) async throws -> Result {
    try Task.checkCancellation()
    let (eventLoop, handler) = (channel.eventLoop, handler)
    let promise = eventLoop.makePromise(of: Result.self)
    do {
      return try await Pulse.counting(shared.progress) {
        try await withTaskCancellationHandler {
          batches?.whenTaken { eventLoop.execute { handler.value.resumeReading() } }
          eventLoop.execute { handler.value.enqueue(make(promise)) }
          var failure: (any Error)?
          while failure == nil, let batch = try await batches?.next(on: eventLoop) {
            do {
              try await onBatch(batch)
            } catch {
              failure = error
              batches?.discard()
            }
          }
          let result = try await promise.futureResult.get()
          if let failure { throw failure }
          return result
        } onCancel: {
          close()
        }
      }
    } catch {
      try Task.checkCancellation()
      throw error
    }
  }

  /// How bodies go to their sinks; called on the event loop.
  var bodyStreams: @Sendable () -> (any MessageSink, UInt64) -> BodyStream {
    let (handler, budget, allocator) = (handler, budget, channel.allocator)
    return {
      let owner = ObjectIdentifier(handler.value)
      return {
        BodyStream(sink: $0, announcedSize: $1, budget: budget, owner: owner, allocator: allocator)
      }
    }
  }

  var allocator: ByteBufferAllocator { channel.allocator }
}
