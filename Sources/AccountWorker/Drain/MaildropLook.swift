import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// What a session finds in a maildrop, and what is to be done with it; message by message that is in the state's tables
/// of this session.
struct MaildropLook: Sendable {
  /// The number that this listing has or gets in the state.
  let listing: Int64
  /// Messages that the server lists.
  let count: Int
  let totals: DrainTotals
  /// So many messages share a name, or have none, that another session has to look at the rest.
  let isCut: Bool

  static func read(
    _ connection: POP3Connection, _ account: OpenAccount, _ policy: DrainPolicy
  ) async throws -> MaildropLook {
    let state = account.state
    let listed = try await MaildropListing.read(connection, state)
    guard listed.hasUniqueIDs || policy.retention == .delete else {
      throw namesMissing(account, wereThere: try await state.hasNamedRows())
    }
    let listing = try await state.drainListing() + 1
    var planner = DrainPlanner(listing: listing, now: account.now(), policy: policy)
    let found = try await state.compareListing(
      listing, staysAfter: policy.staysAfter(now: account.now()), sizeLimit: policy.sizeLimit)
    planner.keep(found.settled)
    planner.fetch(new: found.new)
    let isCut = try await compareListed(&planner, state)
    if listed.isComplete, !isCut { try await resolveUnlisted(&planner, isEmpty: listed.count == 0, state) }
    return MaildropLook(listing: listing, count: listed.count, totals: planner.totals, isCut: isCut)
  }

  /// Returns whether not all of it could be looked at.
  private static func compareListed(_ planner: inout DrainPlanner, _ state: AccountState) async throws -> Bool {
    var isCut = false
    var groups = try await state.namelessGroup().map { [$0] } ?? []
    while true {
      for group in groups {
        planner.compare(group.listed, group.rows.map { KnownMessage($0) }, named: group.name)
        isCut = isCut || group.isCut
      }
      try await state.add(planner.takePart())
      groups = try await state.differingGroups(after: groups.last?.name)
      if groups.isEmpty { return isCut }
    }
  }

  private static func resolveUnlisted(
    _ planner: inout DrainPlanner, isEmpty: Bool, _ state: AccountState
  ) async throws {
    try await state.noteGone()
    let found = try await state.surveyUnlisted()
    let survey = UnlistedSurvey(lost: found.lost, firstListingOfWaiting: found.firstListingOfWaiting)
    var last: Int64 = 0
    while true {
      let rows = try await state.unlistedRows(after: last, firstListing: planner.totals.firstListing)
      guard let end = rows.last else { return }
      for row in rows { planner.resolve(KnownMessage(row), survey, isEmpty: isEmpty) }
      try await state.add(planner.takePart())
      last = end.id
    }
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
