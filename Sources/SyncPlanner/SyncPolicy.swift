/// What the person allows a sync to do.
package struct SyncPolicy: Equatable, Sendable {
  package enum Direction: Equatable, Sendable {
    /// Server to folder; local changes are kept and counted, never sent and never overwritten.
    case pull
  }

  package enum LocalRemoval: Equatable, Sendable { case quarantine, never }

  package var direction: Direction
  /// What becomes of the local copy when the server no longer has the message.
  package var deleteLocally: LocalRemoval
  package var hold: HoldLimits

  package init(direction: Direction = .pull, deleteLocally: LocalRemoval = .quarantine, hold: HoldLimits = .init()) {
    self.direction = direction
    self.deleteLocally = deleteLocally
    self.hold = hold
  }
}

/// Above these, removals wait for the person's word (DESIGN.md section 5).
package struct HoldLimits: Equatable, Sendable {
  /// Part of a folder; held only when `count` is exceeded as well.
  package var share: Double
  package var count: Int
  /// Removals in one account.
  package var account: Int

  package init(share: Double = 0.2, count: Int = 20, account: Int = 500) {
    self.share = share
    self.count = count
    self.account = account
  }
}
