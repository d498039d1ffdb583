import Locks

/// Knows when every mailbox that a survey found changed has had its turn: that pass over the account is over, and what
/// it did not find is nowhere. A pass goes on to its end although later surveys come meanwhile; of those the last one's
/// follows.
final class PassTracker: Sendable {
  private struct Pass {
    /// When its survey began; nanoseconds since 1970.
    let began: Int64
    /// The turn of each mailbox that must end.
    var pending: [Int64: WorkQueue.Turn]

    mutating func end(_ mailbox: Int64, _ turn: WorkQueue.Turn) {
      if let awaited = pending[mailbox], turn >= awaited { pending[mailbox] = nil }
    }
  }

  private let passes = Mutex<(current: Pass?, next: Pass?)>((nil, nil))

  /// A survey's work begins; returns its time where there is none, since all has been looked at then.
  func begin(_ began: Int64, _ turns: [Int64: WorkQueue.Turn]) -> Int64? {
    passes.withLock { passes in
      guard !turns.isEmpty else {
        passes = (nil, nil)
        return began
      }
      let pass = Pass(began: began, pending: turns)
      if passes.current == nil { passes.current = pass } else { passes.next = pass }
      return nil
    }
  }

  /// A mailbox's turn has ended; returns when the survey began where this was the last of its pass.
  func ended(_ mailbox: Int64, turn: WorkQueue.Turn) -> Int64? {
    passes.withLock { passes in
      passes.current?.end(mailbox, turn)
      passes.next?.end(mailbox, turn)
      var began: Int64?
      while let current = passes.current, current.pending.isEmpty {
        began = current.began
        passes = (passes.next, nil)
      }
      return began
    }
  }
}
