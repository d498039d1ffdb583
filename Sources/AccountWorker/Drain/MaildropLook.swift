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
    let listing = try await account.state.drainListing() + 1
    let known = try await account.state.drained { KnownMessage($0) }
    guard listed.hasUniqueIDs || policy.retention == .delete else {
      throw namesMissing(account, wereThere: known.contains { $0.uniqueID != nil })
    }
    let plan = SyncPlanner.drain(
      listed: listed.entries, isComplete: listed.isComplete, known: known, listing: listing, now: account.now(),
      policy: policy)
    return MaildropLook(listing: listing, count: listed.entries.count, plan: plan)
  }

  /// Without names nothing can be kept on the server: all would be fetched each time, to be known by its content.
  /// - Parameter wereThere: earlier listings had names.
  private static func namesMissing(_ account: OpenAccount, wereThere: Bool) -> SyncFailure {
    wereThere
      ? SyncFailure(
        scope: .account, retry: .later, location: account.settings.name,
        what: "the server does not say its messages' unique-ids (UIDL) this time, so what is new is not known",
        remedy: "nothing was fetched or deleted; it is tried again at the next visit")
      : SyncFailure(
        scope: .account, retry: .never, location: account.settings.name,
        what: "the server gives its messages no unique-ids (UIDL), so none can be kept there and not fetched again",
        remedy: "set retention = \"delete\"")
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
