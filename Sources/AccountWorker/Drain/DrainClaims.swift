import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// Tells of each message of a session, when its content is known, whether it is one that is here already.
actor DrainClaims {
  private let state: AccountState
  private let fetches: [UID: DrainPlan.Fetch]
  private var claims: ContentClaims
  /// The row that a message turned out to be.
  private(set) var matched: [MessageNumber: DrainPlan.Candidate] = [:]

  init(_ plan: DrainPlan, fetches: [DrainPlan.Fetch], state: AccountState) async throws {
    self.state = state
    self.fetches =
      plan.candidates.isEmpty
      ? [:]
      : Dictionary(
        fetches.compactMap { fetch in fetch.uid.map { ($0, fetch) } }, uniquingKeysWith: { first, _ in first })
    claims = ContentClaims(plan.candidates, contents: try await state.drainedContents(plan.candidates.map(\.row)))
  }

  var isEmpty: Bool { claims.isEmpty }

  func claims(_ uid: UID, _ content: Digest) async throws -> Bool {
    guard let fetch = fetches[uid], let row = claims.take(for: fetch, content: content) else { return false }
    try await state.rebind(Int64(uid.value), to: row.row)
    matched[fetch.entry.number] = row
    return true
  }
}
