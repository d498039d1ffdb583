import Glibc
import Locks

/// The programs of ours that run. All signals to them and all waiting for them go through here, under one lock, so
/// that a signal never reaches a stranger that got the number of one that has ended.
package final class RunningChildren: Sendable {
  /// Those of this process.
  package static let shared = RunningChildren()

  private struct State {
    var running: Set<ChildProcess> = []
    var isEnding = false
  }

  private let state = Mutex(State())

  package init() {}

  package var count: Int { state.withLock { $0.running.count } }

  func start(
    _ words: [String], input: Int32? = nil, output: Int32, complaint: Int32
  ) throws(NotStarted) -> ChildProcess {
    let result = state.withLock { state -> Result<ChildProcess, NotStarted> in
      guard !state.isEnding else { return .failure(NotStarted(reason: "mailmirror is ending")) }
      return Result { () throws(NotStarted) in
        let child = try ChildProcess.start(words, input: input, output: output, complaint: complaint)
        state.running.insert(child)
        return child
      }
    }
    return try result.get()
  }

  /// How the program ended; nil while it runs.
  func ended(_ child: ChildProcess) -> ProgramStatus? {
    state.withLock { Self.reap(child, &$0) }
  }

  /// To its whole group where it has one; nothing once it is waited for.
  func signal(_ child: ChildProcess, _ number: Int32) {
    state.withLock { state in
      if state.running.contains(child) { Self.kill(child, number) }
    }
  }

  /// Whether it has ended; its number stays taken until `ended`.
  func hasEnded(_ child: ChildProcess) -> Bool {
    state.withLock { state in
      guard state.running.contains(child) else { return true }
      var information = siginfo_t()
      let result = waitid(P_PID, id_t(child.pid), &information, WEXITED | WNOHANG | WNOWAIT)
      return result != 0 ? errno == ECHILD : information.si_signo == SIGCHLD
    }
  }

  /// Ends all of them, for the end of the process: asks first, and after `grace` asks no more. No program is started
  /// from then on. It blocks for `grace` at most, and not at all where none runs.
  package func endAll(grace: Duration = .milliseconds(300)) {
    state.withLock { state in
      state.isEnding = true
      for child in state.running { Self.kill(child, SIGTERM) }
    }
    let deadline = ContinuousClock.now + grace
    var pause: UInt32 = 1_000
    while ContinuousClock.now < deadline, !allHaveEnded() {
      usleep(pause)
      pause = min(pause * 2, 20_000)
    }
    state.withLock { state in
      for child in state.running { Self.kill(child, SIGKILL) }
    }
  }

  /// None is waited for here: whoever started a program wants to know how it ended.
  private func allHaveEnded() -> Bool {
    state.withLock { $0.running }.allSatisfy(hasEnded)
  }

  private static func kill(_ child: ChildProcess, _ number: Int32) {
    _ = Glibc.kill(child.leadsGroup ? -child.pid : child.pid, number)
  }

  private static func reap(_ child: ChildProcess, _ state: inout State) -> ProgramStatus? {
    // Someone else took its status: nothing says that it went well.
    guard state.running.contains(child) else { return .exited(255) }
    var status: Int32 = 0
    let result = waitpid(child.pid, &status, WNOHANG)
    if result == 0 || (result < 0 && errno == EINTR) { return nil }
    state.running.remove(child)
    return result == child.pid ? ProgramStatus(waited: status) : .exited(255)
  }
}
