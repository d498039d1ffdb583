/// What the person allows a sync to do.
package struct SyncPolicy: Equatable, Sendable {
  package enum Direction: Equatable, Sendable {
    /// Server to folder; local changes are kept and counted, never sent and never overwritten.
    case pull
    case twoWay
  }

  package enum LocalRemoval: Equatable, Sendable { case quarantine, never }

  package enum ServerRemoval: Equatable, Sendable {
    /// To the server's Trash; from the Trash itself it is expunged.
    case trash
    case expunge
    case never
  }

  package var direction: Direction
  /// What becomes of the local copy when the server no longer has the message.
  package var deleteLocally: LocalRemoval
  /// What becomes of the message on the server when it was deleted in the folder.
  package var deleteOnServer: ServerRemoval
  package var hold: HoldLimits

  package init(
    direction: Direction = .pull, deleteLocally: LocalRemoval = .quarantine, deleteOnServer: ServerRemoval = .trash,
    hold: HoldLimits = .init()
  ) {
    self.direction = direction
    self.deleteLocally = deleteLocally
    self.deleteOnServer = deleteOnServer
    self.hold = hold
  }
}

/// Above these, changes wait for the person's word (DESIGN.md section 5).
package struct HoldLimits: Equatable, Sendable {
  /// Flags cleared on the server in one folder; held only when `share` is exceeded as well.
  package static let flags = 200
  /// Local mail sent to the server, in one account.
  package static let uploads = 1_000

  /// Part of a folder; held only when the count is exceeded as well.
  package var share: Double
  /// Removals from one folder.
  package var count: Int
  /// Removals in one account.
  package var account: Int

  package init(share: Double = 0.2, count: Int = 20, account: Int = 500) {
    self.share = share
    self.count = count
    self.account = account
  }
}
