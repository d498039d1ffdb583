import Locks
import NIOCore

/// The signs of life of one loop of work, by which one that goes on, however slowly, is told from one that hangs. The
/// loop runs under it as its task's `current`; disk threads, the state and connections count there what they do for it.
///
///     try await Pulse.$current.withValue(pulse) { try await watch() }
package final class Pulse: Sendable {
  /// Of the work that this task is a part of; it follows that work onto the disk threads.
  @TaskLocal package static var current: Pulse?

  private struct State {
    var beats: UInt64 = 0
    var counters: [Int: @Sendable () -> UInt64] = [:]
    var last = 0
    /// Until when it waits for something that need not come; several parts of it may.
    var waits: [Int: NIODeadline] = [:]
  }

  private let state = Mutex(State())

  package init() {}

  /// Something was done for the work of this task.
  package static func beat() { current?.beat() }

  package func beat() { state.withLock { $0.beats &+= 1 } }

  /// A count of all that was done.
  package var signs: UInt64 { state.withLock { state in state.counters.values.reduce(state.beats) { $0 &+ $1() } } }

  /// It does nothing, and rightly so.
  package func isWaiting(at now: NIODeadline = .now()) -> Bool {
    state.withLock { state in state.waits.values.contains { $0 > now } }
  }

  /// While `body` runs, what `count` counts is a sign of life of this task's work, too.
  package static func counting<Result>(
    _ count: @escaping @Sendable () -> UInt64, isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Result
  ) async rethrows -> Result {
    guard let pulse = current else { return try await body() }
    let id = pulse.enter { $0.counters[$1] = count }
    defer { pulse.leave { $0.counters[id] = nil } }
    return try await body()
  }

  /// While `body` runs this task waits for what need not come before `deadline`, or for a loop with a pulse of its own.
  package static func waiting<Result>(
    until deadline: NIODeadline = .distantFuture, isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Result
  ) async rethrows -> Result {
    guard let pulse = current else { return try await body() }
    let id = pulse.enter { $0.waits[$1] = deadline }
    defer { pulse.leave { $0.waits[id] = nil } }
    return try await body()
  }

  private func enter(_ change: (inout State, _ id: Int) -> Void) -> Int {
    state.withLock { state in
      state.last += 1
      change(&state, state.last)
      return state.last
    }
  }

  /// The end of something is a sign, too.
  private func leave(_ change: (inout State) -> Void) {
    state.withLock { state in
      change(&state)
      state.beats &+= 1
    }
  }
}
