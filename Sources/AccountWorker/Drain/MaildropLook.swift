import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// What a session finds in a maildrop, and what is to be done with it.
struct MaildropLook: Sendable {
  /// The number that this listing has or gets in the state.
  let listing: Int64
  /// Messages that the server lists.
  let count: Int
  let plan: DrainPlan

  static func read(
    _ connection: POP3Connection, _ account: OpenAccount, _ policy: DrainPolicy
  ) async throws -> MaildropLook {
    let listed = try await MaildropListing.read(connection)
    guard listed.hasUniqueIDs || policy.retention == .delete else {
      throw SyncFailure(
        scope: .account, retry: .never, location: account.settings.name,
        what: "the server gives its messages no unique-ids (UIDL), so none can be kept there and not fetched again",
        remedy: "set retention = \"delete\"")
    }
    let listing = try await account.state.drainListing() + 1
    let known = try await account.state.drained { KnownMessage($0) }
    let plan = SyncPlanner.drain(
      listed: listed.entries, isComplete: listed.isComplete, known: known, listing: listing, now: account.now(),
      policy: policy)
    return MaildropLook(listing: listing, count: listed.entries.count, plan: plan)
  }
}

extension KnownMessage {
  init(_ record: DrainedRecord) {
    let stage: Stage =
      if !record.isHere { .waiting } else {
        switch record.departure {
        case .none: .delivered
        case .leaving: .leaving
        case .uncertain: .uncertain
        case .deleted: .deleted
        }
      }
    self.init(
      id: record.id, uniqueID: record.uniqueID, size: record.size, firstSeen: record.firstSeen,
      firstListing: record.firstListing, absentSince: record.absentListing, stage: stage, attempts: record.attempts,
      deletions: record.deletions, isRemovedHere: record.isRemovedHere)
  }
}
