import Glibc
import Locks

/// Threads for calls that wait for another program and may wait long. One is made when a call needs it and goes when
/// there is none left to run; above `limit`, calls wait for their turn, in order. So a helper that hangs holds up
/// neither a disk thread nor, up to the limit, another helper.
package final class WaitingThreads: Sendable {
  private struct State {
    var running = 0
    var waiting: [@Sendable () -> Void] = []
  }

  private let limit: Int
  private let state = Mutex(State())

  package init(limit: Int = 16) { self.limit = max(limit, 1) }

  /// Runs the closure on a thread that may wait.
  package func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      submit { continuation.resume(with: Swift.Result(catching: body)) }
    }
  }

  private func submit(_ work: @escaping @Sendable () -> Void) {
    let starts = state.withLock { state in
      state.waiting.append(work)
      guard state.running < limit else { return false }
      state.running += 1
      return true
    }
    if starts { startThread() }
  }

  private func startThread() {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, 512 << 10)
    let owner = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, &attributes,
      { argument in
        if let argument { Unmanaged<WaitingThreads>.fromOpaque(argument).takeRetainedValue().work() }
        return nil
      }, owner.toOpaque())
    guard failure != 0 else { return }
    owner.release()
    // The machine has no thread to give: better late, in a task, than never.
    Task { self.work() }
  }

  private func work() {
    while let next = next() { next() }
  }

  private func next() -> (@Sendable () -> Void)? {
    state.withLock { state in
      guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
      state.running -= 1
      return nil
    }
  }
}
