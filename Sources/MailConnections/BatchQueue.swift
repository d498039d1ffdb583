import Locks
import NIOCore

/// Hands batches from a connection's event loop to the task that asked for them. The connection stops reading while
/// batches wait.
final class BatchQueue: Sendable {
  private struct State {
    var batches: [[MessageAttributes]] = []
    var isEnded = false
    var isDiscarding = false
    var waiter: EventLoopPromise<[MessageAttributes]?>?
    var onTaken: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())
  private static let limit = 2

  var isFull: Bool { state.withLock { $0.batches.count >= Self.limit } }

  /// Called on any thread whenever there is room again.
  func whenTaken(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onTaken = body } }

  func append(_ batch: [MessageAttributes]) {
    let waiter = state.withLock { state -> EventLoopPromise<[MessageAttributes]?>? in
      guard !state.isDiscarding else { return nil }
      guard let waiter = state.waiter else {
        state.batches.append(batch)
        return nil
      }
      state.waiter = nil
      return waiter
    }
    waiter?.succeed(batch)
  }

  /// There are no more, for good or ill.
  func end() {
    let waiter = state.withLock { state -> EventLoopPromise<[MessageAttributes]?>? in
      state.isEnded = true
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.succeed(nil)
  }

  /// The next batch; nil after the last.
  func next(on eventLoop: any EventLoop) async throws -> [MessageAttributes]? {
    let promise = eventLoop.makePromise(of: [MessageAttributes]?.self)
    let (ready, onTaken) = state.withLock { state -> ([MessageAttributes]??, (@Sendable () -> Void)?) in
      if !state.batches.isEmpty { return (state.batches.removeFirst(), state.onTaken) }
      if state.isEnded { return (.some(nil), nil) }
      state.waiter = promise
      return (nil, nil)
    }
    if let ready { promise.succeed(ready) }
    onTaken?()
    return try await promise.futureResult.get()
  }

  /// Nobody wants them any more.
  func discard() {
    let onTaken = state.withLock { state -> (@Sendable () -> Void)? in
      state.isDiscarding = true
      state.batches = []
      return state.onTaken
    }
    onTaken?()
  }
}
