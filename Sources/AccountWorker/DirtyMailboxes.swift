import Locks

/// The mailboxes of which the server or the folder has told a change, until the watching connection takes them, one
/// after the other, ahead of all work that can wait.
final class DirtyMailboxes: Sendable {
  struct Reasons: OptionSet, Sendable {
    let rawValue: Int
    /// The server told of a change.
    static let server = Reasons(rawValue: 1)
    /// Something has changed in its folder, which is to be scanned.
    static let folder = Reasons(rawValue: 2)
    /// The server told that messages went: its turn comes before those of the mailboxes that they may have gone to.
    static let losses = Reasons(rawValue: 4)
  }

  private struct State {
    var reasons: [Int64: Reasons] = [:]
    /// In the order in which they became dirty.
    var order: [Int64] = []
  }

  private let state = Mutex(State())
  private let signal: WakeSignal

  init(signal: WakeSignal) { self.signal = signal }

  /// Callable from any thread; a mailbox that is dirty already gets one turn for all reasons.
  func mark(_ mailbox: Int64, _ reasons: Reasons) {
    state.withLock { state in
      if state.reasons[mailbox] == nil { state.order.append(mailbox) }
      state.reasons[mailbox, default: []].formUnion(reasons)
    }
    signal.wake(.dirty)
  }

  var isEmpty: Bool { state.withLock { $0.order.isEmpty } }
  var areToldByServer: Bool { state.withLock { $0.reasons.values.contains { $0.contains(.server) } } }

  /// The next one, whose reasons are forgotten: what comes from now on makes it dirty again. The preferred one comes
  /// first, for it needs no selection.
  func take(preferring preferred: Int64?) -> (mailbox: Int64, reasons: Reasons)? {
    state.withLock { state in
      let losing = state.order.first { state.reasons[$0]?.contains(.losses) == true }
      guard let next = losing ?? preferred.flatMap({ state.reasons[$0] == nil ? nil : $0 }) ?? state.order.first
      else { return nil }
      state.order.removeAll { $0 == next }
      return state.reasons.removeValue(forKey: next).map { (next, $0) }
    }
  }

  /// All mailboxes are about to be looked at.
  func clear(_ reasons: Reasons) {
    state.withLock { state in
      for id in state.order {
        state.reasons[id]?.subtract(reasons)
        if state.reasons[id]?.isEmpty == true { state.reasons[id] = nil }
      }
      state.order.removeAll { state.reasons[$0] == nil }
    }
  }
}
