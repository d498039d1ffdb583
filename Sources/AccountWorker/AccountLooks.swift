/// When each folder of an account was last looked at as a whole; nanoseconds since 1970. Together these looks are a
/// complete scan of the account, which began with the oldest of them. A folder whose mailbox is under way during a survey
/// is looked at by that mailbox's next turn, so that no survey has to find all mailboxes at rest.
struct AccountLooks: Sendable {
  private var began: [Int64: Int64] = [:]
  /// The folders that there were at the last survey; what came since is for the next one.
  private var folders: Set<Int64> = []
  /// When the last survey's scan began, complete or not.
  private(set) var lastSurvey: Int64?
  /// When the last complete scan began.
  private(set) var complete: Int64?
  /// What was complete when the last survey had its look.
  private(set) var surveyed: Int64?
  /// How many surveys in a row have left something to be looked at for which a missing file waits.
  private(set) var incomplete = 0
  /// The end of what `takeAdvance` has told.
  private var told: Int64?

  mutating func looked(at mailbox: Int64, began time: Int64, now: Int64) {
    forget(after: now)
    began[mailbox] = time
    advance()
  }

  /// A survey has looked at all of these folders that it could.
  /// - Parameter isAwaited: a missing file waits for that.
  mutating func surveyed(_ folders: Set<Int64>, began time: Int64, now: Int64, isAwaited: Bool) {
    forget(after: now)
    began = began.filter { folders.contains($0.key) }
    self.folders = folders
    lastSurvey = time
    incomplete = isAwaited ? incomplete + 1 : 0
    advance()
    (surveyed, told) = (complete, complete)
  }

  /// What turns have completed since the last survey, each part once.
  mutating func takeAdvance() -> Range<Int64>? {
    guard let complete, complete > told ?? 0 else { return nil }
    defer { told = complete }
    return (told ?? 0)..<complete
  }

  /// What is later than now was noted before the clock was set back: it says nothing of a file that goes from now on.
  private mutating func forget(after now: Int64) {
    began = began.filter { $0.value <= now }
    guard let lastSurvey, lastSurvey > now else { return }
    (self.lastSurvey, complete, surveyed, told) = (nil, nil, nil, nil)
  }

  private mutating func advance() {
    guard let lastSurvey, folders.allSatisfy({ began[$0] != nil }) else { return }
    let oldest = folders.reduce(lastSurvey) { min($0, began[$1] ?? $0) }
    complete = oldest
    if oldest == lastSurvey { incomplete = 0 }
  }
}
