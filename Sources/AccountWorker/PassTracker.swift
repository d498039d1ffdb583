import Synchronization

/// Knows when every mailbox that a survey found changed has had its turn: that pass over the account is over, and what
/// it did not find is nowhere.
final class PassTracker: Sendable {
  private struct Pass {
    /// When its survey began; nanoseconds since 1970.
    let began: Int64
    /// The turn of each mailbox that must end.
    var pending: [Int64: WorkQueue.Turn]
  }

  private let pass = Mutex<Pass?>(nil)

  /// A survey's work begins, instead of what is left of an earlier one; returns its time where there is none.
  func begin(_ began: Int64, _ turns: [Int64: WorkQueue.Turn]) -> Int64? {
    pass.withLock { $0 = turns.isEmpty ? nil : Pass(began: began, pending: turns) }
    return turns.isEmpty ? began : nil
  }

  /// A mailbox's turn has ended; returns when the survey began where this was the last.
  func ended(_ mailbox: Int64, turn: WorkQueue.Turn) -> Int64? {
    pass.withLock { pass in
      guard let awaited = pass?.pending[mailbox], turn >= awaited else { return nil }
      pass?.pending[mailbox] = nil
      guard let current = pass, current.pending.isEmpty else { return nil }
      pass = nil
      return current.began
    }
  }
}
