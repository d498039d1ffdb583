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
  private var state = State.waiting
  private var isToEnd = false
  let name = "IDLE"

  /// - Parameter onNews: called on the event loop when the server has told of a change, and when it ends
  ///   the IDLE by itself.
  init(onNews: @escaping @Sendable () -> Void, _ promise: EventLoopPromise<Void>) {
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

  func received(_ untagged: Untagged) {
    switch untagged {
    case .exists, .expunge, .vanished, .malformed: onNews()
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

  /// Ends it; commands may follow at once.
  package func end() { sayDone() }

  /// Returns when it is over, and throws why it failed: the server refused it, or the connection broke.
  package func ended() async throws { try await over.get() }
}

extension IMAPConnection {
  /// Begins to wait for news of the selected mailbox. `onNews` is called on the event loop at each of them, and when
  /// the server ends it by itself; it must be brief.
  package func idle(onNews: @escaping @Sendable () -> Void) -> Idling {
    let promise = eventLoop.makePromise(of: Void.self)
    let place = NIOLoopBoundBox<IdleOperation?>.makeEmptyBox(eventLoop: eventLoop)
    execute { handler in
      let operation = IdleOperation(onNews: onNews, promise)
      place.value = operation
      handler.enqueue(operation)
    }
    return Idling(over: promise.futureResult) { [self] in
      execute { handler in
        place.value?.end()
        place.value = nil
        handler.pump()
      }
    }
  }
}
