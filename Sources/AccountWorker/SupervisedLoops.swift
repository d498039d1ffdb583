import LinuxFiles
import Locks

/// The loops of one worker that are under way, each with a pulse of its own: one that hangs is noticed though the others
/// go on.
final class SupervisedLoops: Sendable {
  private struct Loop {
    let name: String
    let pulse: Pulse
    var signs = LifeSigns()
  }

  private struct State {
    var loops: [Int: Loop] = [:]
    var last = 0
  }

  private let state = Mutex(State())

  /// Runs a loop, or one piece of work, under a pulse. `name` is for the log.
  func run<Result>(
    _ name: String, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
  ) async rethrows -> Result {
    let pulse = Pulse()
    let id = state.withLock { state in
      state.last += 1
      state.loops[state.last] = Loop(name: name, pulse: pulse)
      return state.last
    }
    defer { state.withLock { $0.loops[id] = nil } }
    return try await Pulse.$current.withValue(pulse) { try await body() }
  }

  /// The names of those that have given no sign of life for too long; to be asked now and then.
  func hung(at now: SuspendingClock.Instant = .now) -> [String] {
    state.withLock { state in
      var hung: [String] = []
      for (id, var loop) in state.loops {
        if !loop.signs.proves(isWaiting: loop.pulse.isWaiting(), signs: loop.pulse.signs, at: now) {
          hung.append(loop.name)
        }
        state.loops[id] = loop
      }
      return hung.sorted()
    }
  }
}
