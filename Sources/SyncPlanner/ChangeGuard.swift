/// Changes of one kind so far in the window of 24 hours. Moves to another folder of the account are not among them.
package struct RemovalWindow: Equatable, Sendable {
  package var folder: Int
  package var account: Int
  /// The folder's messages when the window began.
  package var folderSizeAtStart: Int

  package init(folder: Int, account: Int, folderSizeAtStart: Int) {
    self.folder = folder
    self.account = account
    self.folderSizeAtStart = folderSizeAtStart
  }
}

/// What happens by itself up to a number only; each kind is counted apart.
package enum GuardedChange: CaseIterable, Sendable {
  /// From the folder to quarantine, because the server has it no more.
  case removalsHere
  /// On the server, because the folder has it no more.
  case deletionsOnServer
  case flagsCleared
  case uploads
}

package enum RemovalVerdict: Equatable, Sendable {
  case allowed
  /// One line for the person, with the counts.
  case held(String)
}

extension SyncPlanner {
  /// Whether `count` more changes of a kind may be made in a folder now (DESIGN.md section 5). Removals and deletions
  /// are held when they exceed both the count and the share of the folder, or the account's limit; Trash and Junk are
  /// excepted from that. Flags have a count of their own, uploads a number for the account.
  package static func guardChange(
    _ kind: GuardedChange, count: Int, window: RemovalWindow, limits: HoldLimits, isTrashOrJunk: Bool
  ) -> RemovalVerdict {
    guard count > 0 else { return .allowed }
    let inFolder = window.folder + count
    let inAccount = window.account + count
    func isMost(over limit: Int) -> Bool {
      inFolder > limit && Double(inFolder) > limits.share * Double(window.folderSizeAtStart)
    }
    let ofFolder = "\(inFolder) of \(window.folderSizeAtStart) messages"
    switch kind {
    case .removalsHere, .deletionsOnServer:
      guard !isTrashOrJunk else { return .allowed }
      let (folder, account) =
        kind == .removalsHere
        ? ("removed from the folder", "removed from the account")
        : ("deleted from the mailbox on the server", "deleted from the account on the server")
      if isMost(over: limits.count) { return .held("\(ofFolder) would be \(folder) within a day") }
      if inAccount > limits.account { return .held("\(inAccount) messages would be \(account) within a day") }
    case .flagsCleared:
      if isMost(over: HoldLimits.flags) {
        return .held("flags of \(ofFolder) would be cleared on the server within a day")
      }
    case .uploads:
      if inAccount > HoldLimits.uploads {
        return .held("\(inAccount) local messages would be sent to the server within a day")
      }
    }
    return .allowed
  }
}
