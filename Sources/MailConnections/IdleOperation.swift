import IMAPProtocol
import MailModel
import NIOCore

/// IDLE: the server tells of changes in the selected mailbox until we say DONE (RFC 2177):
///
///     C: M7 IDLE
///     S: + idling
///     S: * 23 EXISTS
///     C: DONE
///     C: M8 UID FETCH 4711:4294967295 (...)
///     S: M7 OK Idle completed
///
/// What follows may go out along with DONE, so that a new message is here one round trip after the server's notice.
final class IdleOperation: Operation {
  private enum State {
    case waiting
    /// IDLE is sent; DONE has to wait for the server's `+`.
    case sent
    case idling
    case ending
  }

  private let promise: EventLoopPromise<Void>
  private let onNews: @Sendable () -> Void
  /// Nil while it is not known for certain.
  private var exists: UInt32?
  private var state = State.waiting
  private var isToEnd = false
  let name = "IDLE"

  /// - Parameters:
  ///   - exists: how many messages are known; a server that repeats the number tells nothing.
  ///   - onNews: called on the event loop when the server has told of a change, and when it ends the IDLE by itself.
  init(exists: UInt32, onNews: @escaping @Sendable () -> Void, _ promise: EventLoopPromise<Void>) {
    self.exists = exists
    self.onNews = onNews
    self.promise = promise
  }

  /// Says DONE as soon as the protocol allows it; the connection must be given the chance to send.
  func end() { isToEnd = true }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    guard case .waiting = state, !isToEnd else { return nil }
    state = .sent
    return .idle
  }

  func continued() { if case .sent = state { state = .idling } }

  func takeBytes() -> [UInt8] {
    guard case .idling = state, isToEnd else { return [] }
    state = .ending
    return Array("DONE\r\n".utf8)
  }

  var isEnding: Bool { if case .ending = state { true } else { false } }
  var maySayNothing: Bool { if case .idling = state { true } else { false } }
  /// DONE is also how a connection that went dead is found out.
  var patience: TimeAmount? { .seconds(30) }

  func received(_ untagged: Untagged) {
    switch untagged {
    case .exists(exists): break
    case .exists(let count):
      exists = count
      onNews()
    case .expunge, .vanished, .malformed:
      exists = nil
      onNews()
    default: break
    }
  }

  func received(_ fetched: FetchedAttributes) -> Bool {
    onNews()
    return false
  }

  func complete() {
    promise.succeed()
    if !isEnding { onNews() }
  }

  func fail(_ error: any Error) {
    promise.fail(error)
    onNews()
  }
}

/// An IDLE that is under way.
package struct Idling: Sendable {
  let over: EventLoopFuture<Void>
  let sayDone: @Sendable () -> Void
  let close: @Sendable () -> Void

  /// Ends it; commands may follow at once.
  package func end() { sayDone() }

  /// Returns when it is over, and throws why it failed: the server refused it, or the connection broke. A task that is
  /// cancelled in it closes the connection.
  package func ended() async throws {
    try await withTaskCancellationHandler {
      try await over.get()
    } onCancel: {
      close()
    }
  }
}

extension IMAPConnection {
  /// Begins to wait for news of the selected mailbox. `onNews` is called on the event loop at each of them, and when
  /// the server ends it by itself; it must be brief.
  package func idle(exists: UInt32, onNews: @escaping @Sendable () -> Void) -> Idling {
    let promise = eventLoop.makePromise(of: Void.self)
    let place = NIOLoopBoundBox<IdleOperation?>.makeEmptyBox(eventLoop: eventLoop)
    execute { handler in
      let operation = IdleOperation(exists: exists, onNews: onNews, promise)
      place.value = operation
      handler.enqueue(operation)
    }
    return Idling(
      over: promise.futureResult,
      sayDone: { [self] in
        execute { handler in
          place.value?.end()
          place.value = nil
          handler.pump()
        }
      }, close: { [self] in close() })
  }
}
