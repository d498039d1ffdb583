import ControlProtocol
import Locks

/// What one client hears of changes: a bounded queue that drops the oldest when its reader is too slow, and counts what
/// it dropped. Written by `ChangeFeed`, read by one task.
package final class ChangeStream: AsyncSequence, Sendable {
  package struct Element: Equatable, Sendable {
    package var change: MailChange
    /// Changes that were dropped since the last one that was read.
    package var lost: Int
  }

  private struct State {
    /// A ring that starts at `first`, so that taking one costs the same at any length.
    var waiting: [MailChange] = []
    var first = 0
    var lost = 0
    var isEnded = false
    var reader: CheckedContinuation<Void, Never>?

    var count: Int { waiting.count - first }

    mutating func takeFirst() -> MailChange {
      let change = waiting[first]
      first += 1
      if first == waiting.count || first >= 256 {
        waiting.removeFirst(first)
        first = 0
      }
      return change
    }
  }

  package static let capacity = 1_000

  /// Nil for all accounts.
  private let accounts: Set<String>?
  private let state = Mutex(State())

  package init(accounts: Set<String>? = nil) { self.accounts = accounts }

  /// Queues a change; never waits.
  package func publish(_ change: MailChange) {
    guard accounts?.contains(change.account) ?? true else { return }
    let reader = state.withLock { state -> CheckedContinuation<Void, Never>? in
      if state.isEnded { return nil }
      if state.count >= Self.capacity {
        _ = state.takeFirst()
        state.lost += 1
      }
      state.waiting.append(change)
      return state.reader.take()
    }
    reader?.resume()
  }

  /// No more changes follow; what waits is still read.
  package func end() {
    let reader = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.isEnded = true
      return state.reader.take()
    }
    reader?.resume()
  }

  package func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

  package struct Iterator: AsyncIteratorProtocol {
    let stream: ChangeStream

    package func next() async -> Element? { await stream.next() }
  }

  private enum Step {
    case element(Element)
    case end
    case wait
  }

  private func next() async -> Element? {
    while true {
      let step = state.withLock { state -> Step in
        if state.count > 0 {
          let element = Element(change: state.takeFirst(), lost: state.lost)
          state.lost = 0
          return .element(element)
        }
        return state.isEnded ? .end : .wait
      }
      switch step {
      case .element(let element): return element
      case .end: return nil
      case .wait: await wait()
      }
      if Task.isCancelled { return nil }
    }
  }

  private func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          if state.count > 0 || state.isEnded || Task.isCancelled { return true }
          state.reader = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.reader.take() }?.resume()
    }
  }
}

/// Hands every change to all who listen; a listener that is gone is forgotten.
package final class ChangeFeed: Sendable {
  private struct Listener {
    weak var stream: ChangeStream?
  }

  private struct State {
    var listeners: [Listener] = []
    var isEnded = false
  }

  private let state = Mutex(State())

  package init() {}

  /// All accounts, or those named.
  package func listen(to accounts: [String]?) -> ChangeStream {
    let names = accounts.flatMap { $0.isEmpty ? nil : Set($0) }
    let stream = ChangeStream(accounts: names)
    let isEnded = state.withLock { state in
      state.listeners.removeAll { $0.stream == nil }
      if !state.isEnded { state.listeners.append(Listener(stream: stream)) }
      return state.isEnded
    }
    if isEnded { stream.end() }
    return stream
  }

  /// Whether anybody listens.
  package var isHeard: Bool { !streams().isEmpty }

  package func publish(_ change: MailChange) {
    for stream in streams() { stream.publish(change) }
  }

  /// Ends all streams, now and later ones.
  package func end() {
    state.withLock { $0.isEnded = true }
    for stream in streams() { stream.end() }
  }

  private func streams() -> [ChangeStream] { state.withLock { $0.listeners.compactMap(\.stream) } }
}
