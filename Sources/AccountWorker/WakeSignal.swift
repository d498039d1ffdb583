import LinuxFiles
import Locks
import NIOCore

/// What may end a watch's sleep. Signals that come while it is awake wait for it.
final class WakeSignal: Sendable {
  struct Reasons: OptionSet, Sendable {
    let rawValue: Int
    /// The server told of a change, or the IDLE is over.
    static let news = Reasons(rawValue: 1)
    /// A look at all mailboxes is wanted.
    static let survey = Reasons(rawValue: 2)
    /// Work came that no other connection can do.
    static let work = Reasons(rawValue: 4)
    /// The time is up.
    static let time = Reasons(rawValue: 8)
    /// A mailbox is dirty (`DirtyMailboxes`).
    static let dirty = Reasons(rawValue: 16)
  }

  private struct State {
    var reasons: Reasons = []
    var sleeper: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())
  private let claim: RightOfWay.Claim?

  /// - Parameter claim: taken when news come, until the sleeper has seen to them and sleeps again.
  init(claim: RightOfWay.Claim? = nil) { self.claim = claim }

  /// Callable from any thread.
  func wake(_ reason: Reasons) {
    if !reason.isDisjoint(with: [.news, .dirty]) { claim?.take() }
    state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.reasons.formUnion(reason)
      return state.sleeper.take()
    }?.resume()
  }

  /// Forgets what came and was not seen.
  func clear(_ reason: Reasons) { state.withLock { $0.reasons.subtract(reason) } }

  /// Returns what came, at once where something waits already; empty when the task is cancelled.
  /// - Parameter isUrgent: it is a pause in what news want done.
  func sleep(until deadline: NIODeadline, on eventLoop: any EventLoop, isUrgent: Bool = false) async -> Reasons {
    let timer = eventLoop.scheduleTask(deadline: deadline) { self.wake(.time) }
    defer { timer.cancel() }
    await Pulse.waiting(until: deadline) { await sleep(isUrgent: isUrgent) }
    return state.withLock { state in
      let reasons = state.reasons
      state.reasons = []
      return reasons
    }
  }

  private func sleep(isUrgent: Bool) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isAwake = state.withLock { state in
          guard state.reasons.isEmpty, !Task.isCancelled else { return true }
          state.sleeper = continuation
          if !isUrgent { claim?.give() }
          return false
        }
        if isAwake { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.sleeper.take() }?.resume()
    }
  }
}
