import Locks

/// Closures that run on the disk threads in the order in which they were submitted, never two at a time: one stream of
/// writes, fed from an event loop without waiting.
package final class DiskLane: Sendable {
  private struct State {
    var waiting: [@Sendable () -> Void] = []
    var isRunning = false
  }

  private let pool: DiskPool
  private let state = Mutex(State())

  init(pool: DiskPool) { self.pool = pool }

  /// Queues the closure behind all earlier ones and returns at once.
  package func submit(_ work: @escaping @Sendable () -> Void) {
    let work = Step.keepingFaults(work)
    let starts = state.withLock { state in
      state.waiting.append(work)
      if state.isRunning { return false }
      state.isRunning = true
      return true
    }
    if starts { pool.submit { self.drain() } }
  }

  /// Runs the closure behind all earlier ones and gives its result.
  package func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      submit { continuation.resume(with: Swift.Result(catching: body)) }
    }
  }

  /// One turn on a thread: what was waiting when it began. What came meanwhile takes another turn, so that a busy lane
  /// leaves room to the others.
  private func drain() {
    let batch = state.withLock { state in
      let batch = state.waiting
      state.waiting = []
      return batch
    }
    for work in batch {
      pool.giveWay()
      work()
    }
    let goesOn = state.withLock { state in
      state.isRunning = !state.waiting.isEmpty
      return state.isRunning
    }
    if goesOn { pool.submit { self.drain() } }
  }
}
