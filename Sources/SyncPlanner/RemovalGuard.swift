import MailModel

/// Removals so far in the window of 24 hours.
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

package enum RemovalVerdict: Equatable, Sendable {
  case allowed
  /// One line for the person, with the counts.
  case held(String)
}

extension SyncPlanner {
  /// Whether `removals` more may be taken out of a folder now (DESIGN.md section 5: held when they exceed both the
  /// count and the share, or the account's limit; Trash and Junk are excepted).
  package static func guardRemovals(
    _ removals: Int, window: RemovalWindow, limits: HoldLimits, isTrashOrJunk: Bool
  ) -> RemovalVerdict {
    guard removals > 0, !isTrashOrJunk else { return .allowed }
    let inFolder = window.folder + removals
    if inFolder > limits.count, Double(inFolder) > limits.share * Double(window.folderSizeAtStart) {
      return .held("\(inFolder) of \(window.folderSizeAtStart) messages would be removed from the folder within a day")
    }
    let inAccount = window.account + removals
    if inAccount > limits.account {
      return .held("\(inAccount) messages would be removed from the account within a day")
    }
    return .allowed
  }
}
