import Locks
import MailModel

/// Which of the messages that one round asked for have come: each is taken once, whatever the server sends.
final class FetchLedger: Sendable {
  private struct State {
    var taken = UIDSet()
    var settled = UIDSet()
    var problems: [UID: String] = [:]
  }

  private let wanted: UIDSet
  private let state = Mutex(State())

  init(wanted: UIDSet) { self.wanted = wanted }

  /// False for a message that was not asked for, or that came already.
  func take(_ uid: UID) -> Bool {
    guard wanted.contains(uid) else { return false }
    return state.withLock { state in
      guard !state.taken.contains(uid) else { return false }
      state.taken.insert(uid)
      return true
    }
  }

  /// It may come again: what came could not be used.
  func giveBack(_ uid: UID, because reason: String? = nil) {
    state.withLock { state in
      state.taken.remove(uid)
      if let reason { state.problems[uid] = reason }
    }
  }

  func settle(_ uid: UID) { state.withLock { $0.settled.insert(uid) } }

  var settled: UIDSet { state.withLock { $0.settled } }
  func problem(of uid: UID) -> String? { state.withLock { $0.problems[uid] } }
}
