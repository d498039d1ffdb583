import LinuxFiles
import Locks
import Logging
import NIOCore
import Transport

/// What the handler of a protocol needs, and how a session comes about with it.
struct ConnectionSetup: Sendable {
  var endpoint: ServerEndpoint
  var tls: TLSContext?
  var budget: InFlightBudget
  var logger: Logger
  var shared = SharedState()
  /// The faults of a test, which its task passes on to the event loop.
  var faults: Faults?

  init(endpoint: ServerEndpoint, budget: InFlightBudget, logger: Logger) {
    self.endpoint = endpoint
    self.budget = budget
    self.logger = logger
    faults = Step.faults
  }

  struct Opened<Handler: ChannelHandler & SendableMetatype, Session: Sendable>: Sendable {
    let session: Session
    let channel: any Channel
    let handler: NIOLoopBound<Handler>
  }

  /// Connects, with a handler from `make` in each channel, and waits until the handler of the one that wins has
  /// succeeded its promise.
  func open<Handler: ChannelHandler & SendableMetatype, Session: Sendable>(
    _ group: any EventLoopGroup,
    _ make: @escaping @Sendable (ConnectionSetup, EventLoopPromise<Session>) -> Handler
  ) async throws -> Opened<Handler, Session> {
    let settings = endpoint.transport
    var setup = self
    setup.tls = settings.tls == .none ? nil : try await TLSContexts.context(for: settings)
    let attempts = Attempts<Handler, Session>()
    let handlers = { @Sendable [setup] (channel: any Channel) throws in
      let established = channel.eventLoop.makePromise(of: Session.self)
      let handler = make(setup, established)
      attempts.add(channel, handler, established.futureResult)
      try channel.pipeline.syncOperations.addHandler(handler)
    }
    let channel =
      settings.tunnel == nil
      ? try await Connecting.connect(settings, tls: setup.tls, group: group, handlers: handlers)
      : try await Tunnel.open(settings, group: group, logger: logger, handlers: handlers)
    guard let attempt = attempts.take(channel) else { throw ConnectionError.closed }
    return try await withTaskCancellationHandler {
      Opened(session: try await attempt.established.get(), channel: channel, handler: attempt.handler)
    } onCancel: {
      channel.close(promise: nil)
    }
  }
}

/// The channels of one `open`: of several attempts to connect, one wins.
private final class Attempts<Handler: ChannelHandler & SendableMetatype, Session: Sendable>: Sendable {
  struct Attempt: Sendable {
    let handler: NIOLoopBound<Handler>
    let established: EventLoopFuture<Session>
  }

  private let attempts = Mutex<[ObjectIdentifier: Attempt]>([:])

  /// On the channel's event loop.
  func add(_ channel: any Channel, _ handler: Handler, _ established: EventLoopFuture<Session>) {
    let attempt = Attempt(handler: NIOLoopBound(handler, eventLoop: channel.eventLoop), established: established)
    attempts.withLock { $0[ObjectIdentifier(channel)] = attempt }
  }

  func take(_ channel: any Channel) -> Attempt? {
    attempts.withLock { $0.removeValue(forKey: ObjectIdentifier(channel)) }
  }
}
