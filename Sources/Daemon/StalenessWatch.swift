import AccountWorker

/// Notices accounts that have not been current for too long while they should be, whatever the reason: they try and
/// fail, or nobody tries any more. The time that the machine sleeps does not count.
struct StalenessWatch {
  enum News: Equatable {
    /// Since when, in seconds since 1970.
    case stale(account: String, since: Int64)
    case currentAgain(account: String)
  }

  private struct Account {
    var lastCurrent: SuspendingClock.Instant
    /// In seconds since 1970.
    var since: Int64
    var isStale = false
  }

  private var accounts: [String: Account] = [:]

  /// Three polls may go wrong, and no more than a quarter of an hour.
  static func bound(pollInterval: Duration) -> Duration { min(max(pollInterval * 3, .seconds(5)), .seconds(900)) }

  /// Since when the account is stale; nil where it is not.
  func since(_ account: String) -> Int64? { accounts[account].flatMap { $0.isStale ? $0.since : nil } }

  /// - Parameters:
  ///   - statuses: of all accounts, each with its bound.
  ///   - now: awake time, and seconds since 1970.
  mutating func look(
    at statuses: [(status: AccountStatus, bound: Duration)], now: SuspendingClock.Instant, time: Int64
  ) -> [News] {
    var news: [News] = []
    var seen: [String: Account] = [:]
    for (status, bound) in statuses {
      var account = accounts[status.name] ?? Account(lastCurrent: now, since: time)
      if status.isCurrent || status.activity == .paused {
        if account.isStale { news.append(.currentAgain(account: status.name)) }
        account = Account(lastCurrent: now, since: time)
      } else if !account.isStale, now - account.lastCurrent > bound {
        account.isStale = true
        news.append(.stale(account: status.name, since: account.since))
      }
      seen[status.name] = account
    }
    accounts = seen
    return news
  }
}
