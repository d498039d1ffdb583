import SyncPlanner
import Testing

@Suite struct ChangeGuardTests {
  private func isHeld(
    _ kind: GuardedChange, _ count: Int, folder: Int = 0, account: Int = 0, size: Int, isTrashOrJunk: Bool = false
  ) -> Bool {
    SyncPlanner.guardChange(
      kind, count: count, window: RemovalWindow(folder: folder, account: account, folderSizeAtStart: size),
      limits: HoldLimits(), isTrashOrJunk: isTrashOrJunk) != .allowed
  }

  @Test(
    "D1 removals above both count and share, or the account's limit, are held",
    arguments: [
      (20, 0, 0, 20, false), (21, 0, 0, 100, true), (21, 0, 0, 200, false), (1, 20, 20, 100, true),
      (1, 19, 19, 100, false),
      (500, 0, 0, 100_000, false), (501, 0, 0, 100_000, true), (1, 0, 500, 100_000, true), (0, 900, 900, 1_000, false),
    ])
  func removals(count: Int, folder: Int, account: Int, size: Int, expected: Bool) {
    for kind in [GuardedChange.removalsHere, .deletionsOnServer] {
      #expect(isHeld(kind, count, folder: folder, account: account, size: size) == expected)
      #expect(!isHeld(kind, count, folder: folder, account: account, size: size, isTrashOrJunk: true))
    }
  }

  @Test("D1 flags cleared above 200 and the share are held, in Trash too")
  func flags() {
    for isTrashOrJunk in [false, true] {
      #expect(!isHeld(.flagsCleared, 200, size: 200, isTrashOrJunk: isTrashOrJunk))
      #expect(isHeld(.flagsCleared, 201, size: 1_000, isTrashOrJunk: isTrashOrJunk))
      #expect(!isHeld(.flagsCleared, 201, size: 1_005, isTrashOrJunk: isTrashOrJunk))
      #expect(isHeld(.flagsCleared, 1, folder: 200, size: 1_000, isTrashOrJunk: isTrashOrJunk))
    }
    #expect(!isHeld(.flagsCleared, 0, folder: 500, size: 500))
  }

  @Test("D1 uploads above 1,000 in the account are held, whatever the folder's size")
  func uploads() {
    #expect(!isHeld(.uploads, 1_000, size: 0))
    #expect(isHeld(.uploads, 1_001, size: 1_000_000))
    #expect(isHeld(.uploads, 1, account: 1_000, size: 0, isTrashOrJunk: true))
    #expect(!isHeld(.uploads, 0, account: 5_000, size: 0))
  }

  @Test func reasonsTellTheCounts() {
    for kind in GuardedChange.allCases {
      let verdict = SyncPlanner.guardChange(
        kind, count: 1_000, window: RemovalWindow(folder: 5, account: 7, folderSizeAtStart: 2_000),
        limits: HoldLimits(), isTrashOrJunk: false)
      guard case .held(let reason) = verdict else {
        Issue.record("\(kind) is not held")
        continue
      }
      #expect(reason.contains("1005 of 2000") || reason.contains("1007"))
    }
  }
}
