import MailModel

/// Which messages of a plan one session fetches, told one after the other in the order to fetch in.
///
/// What has made trouble gets a session of its own: a connection that ends with it takes nothing along then, neither
/// fetches nor deletions. Messages that stay on the server and that only content tells apart are fetched all or none,
/// since a part would be the same part each time.
package struct FetchSelection: Sendable {
  private let limit: Int
  private let takesTroubled: Bool
  private let takesContestedAll: Bool
  private var count = 0

  package init(_ totals: DrainTotals, _ policy: DrainPolicy) {
    limit = policy.sessionLimit
    takesTroubled = totals.fetches == totals.troubled && totals.deletions == 0
    takesContestedAll = policy.retention != .delete
  }

  package mutating func takes(_ fetch: DrainPlan.Fetch) -> Bool {
    guard takesTroubled || fetch.attempts == 0 else { return false }
    if takesContestedAll, fetch.isContested { return true }
    count += 1
    return limit == 0 || count <= limit
  }
}
