import Locks

/// Tells all who wait that something has changed.
final class TickHub: Sendable {
  private struct State {
    var streams: [Int: AsyncStream<Void>.Continuation] = [:]
    var next = 0
    var isEnded = false
  }

  private let state = Mutex(State())

  func stream() -> AsyncStream<Void> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let id = state.withLock { state -> Int? in
        guard !state.isEnded else { return nil }
        state.next += 1
        state.streams[state.next] = continuation
        return state.next
      }
      guard let id else { return continuation.finish() }
      continuation.onTermination = { [weak self] _ in self?.state.withLock { state in state.streams[id] = nil } }
    }
  }

  func tick() { for stream in state.withLock({ Array($0.streams.values) }) { stream.yield() } }

  func end() {
    let streams = state.withLock { state in
      state.isEnded = true
      return Array(state.streams.values)
    }
    for stream in streams { stream.finish() }
  }
}
