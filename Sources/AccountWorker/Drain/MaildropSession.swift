import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// One session with a maildrop: list, plan, fetch, delete what is durable here, QUIT. Nothing counts as deleted before
/// QUIT's +OK; where that does not come, the rows say so and the next session finds out.
struct MaildropSession: Sendable {
  struct Result: Sendable {
    var delivered = 0
    /// Deleted on the server.
    var deleted = 0
    var plan = DrainPlan()
    /// Messages that the server lists.
    var listed = 0
    /// Wanted, and left to another session by the limit.
    var postponed = 0
    /// What a person should know although nothing failed.
    var notices: [SyncFailure] = []
    /// Messages that could not be fetched or deleted.
    var failures: [SyncFailure] = []
  }

  let account: OpenAccount
  let drain: DrainSettings
  let connection: POP3Connection
  let mailbox: MirroredMailbox

  private var state: AccountState { account.state }
  private var policy: DrainPolicy { drain.policy }

  /// Leaves the connection closed. `result` has what was done where it throws.
  func run(_ result: inout Result) async throws {
    let look = try await MaildropLook.read(connection, account, policy)
    (result.plan, result.listed) = (look.plan, look.count)
    result.plan.fetches = try await noteListing(look.listing, result.plan)
    result.notices += tooLarge(result.plan) + undeletable(result.plan)
    let fetched = try await fetch(&result)
    try await endContests(result.plan, fetched, listing: look.listing)
    result.deleted = try await delete(result.plan, fetched, &result)
    try await noteMaildrop(left: look.count - result.deleted, result.plan)
  }

  /// Stores the listing; every message to fetch has a row afterwards.
  private func noteListing(_ listing: Int64, _ plan: DrainPlan) async throws -> [DrainPlan.Fetch] {
    var changes = ListingChanges()
    (changes.absent, changes.returned, changes.gone, changes.forgotten) = (
      plan.absent, plan.returned, plan.gone, plan.forgotten
    )
    changes.new = plan.fetches.lazy.filter { $0.row == nil }.map {
      ListedMessage(uniqueID: $0.entry.uniqueID, size: $0.entry.size)
    }
    var rows = try await state.noteListing(
      listing, changes, into: mailbox.record.id, leaves: policy.retention == .delete, now: account.now()
    )[...]
    return plan.fetches.map { fetch in
      var fetch = fetch
      if fetch.row == nil { fetch.row = rows.popFirst() }
      return fetch
    }
  }

  // MARK: Fetching

  /// What a session's fetches came to.
  private struct Fetched {
    /// By number: the row of a message that is durable here.
    var rows: [MessageNumber: Int64] = [:]
    /// Those of them that were here already.
    var matched: [MessageNumber: DrainPlan.Candidate] = [:]
  }

  private func fetch(_ result: inout Result) async throws -> Fetched {
    let fetches = result.plan.fetches(upTo: policy.sessionLimit, retention: policy.retention)
    result.postponed = result.plan.fetches.count - fetches.count
    var fetched = Fetched()
    guard !fetches.isEmpty else { return fetched }
    let ledger = FetchLedger(wanted: UIDSet(fetches.compactMap(\.uid)))
    let claims = try await DrainClaims(result.plan, fetches: fetches, state: state)
    var asks: (@Sendable (UID, Digest) async throws -> Bool)?
    if await !claims.isEmpty { asks = { uid, content in try await claims.claims(uid, content) } }
    let (id, connection) = (mailbox.record.id, connection)
    let intake = DrainIntake(
      MessageIntake(
        mailbox: mailbox, pipeline: account.pipeline, ledger: ledger, names: account.names, pool: account.pool,
        mayBeHere: try await state.hasLocalFiles(in: id),
        claims: asks, stopFetching: { connection.close() }),
      rows: Dictionary(
        fetches.compactMap { fetch in fetch.uid.map { (fetch.entry.number, $0) } },
        uniquingKeysWith: { first, _ in first }),
      now: account.now())
    account.meter.update { $0.messagesTotal += fetches.count }
    let outcome: RetrieveOutcome
    do {
      outcome = try await connection.retrieve(fetches.map(\.entry.number)) { intake.begin($0) }
    } catch {
      // What came before the connection broke is kept.
      try await account.pipeline.flush(id)
      result.delivered = ledger.settled.count - (await claims.matched.count)
      try await blame(intake.current, fetches, ledger, error)
      throw error
    }
    try await account.pipeline.flush(id)
    fetched.matched = await claims.matched
    let settled = ledger.settled
    for fetch in fetches {
      guard let uid = fetch.uid, settled.contains(uid) else { continue }
      fetched.rows[fetch.entry.number] = fetched.matched[fetch.entry.number]?.row ?? Int64(uid.value)
    }
    result.delivered = fetched.rows.count - fetched.matched.count
    result.failures += try await noteUnfetched(fetches, fetched, outcome, ledger)
    return fetched
  }

  /// The message with which a connection ended comes last the next time, so that it does not keep the others waiting.
  private func blame(
    _ number: MessageNumber?, _ fetches: [DrainPlan.Fetch], _ ledger: FetchLedger, _ error: any Error
  ) async throws {
    guard !(error is CancellationError), let fetch = fetches.first(where: { $0.entry.number == number }),
      let row = fetch.row, let uid = fetch.uid, !ledger.settled.contains(uid)
    else { return }
    try await state.noteUndrained(row, reason: "the connection ended while it was fetched")
  }

  private func noteUnfetched(
    _ fetches: [DrainPlan.Fetch], _ fetched: Fetched, _ outcome: RetrieveOutcome, _ ledger: FetchLedger
  ) async throws -> [SyncFailure] {
    let refusals = Dictionary(
      outcome.refused.map { ($0.number, $0.text.text) }, uniquingKeysWith: { first, _ in first })
    var notices: [SyncFailure] = []
    for fetch in fetches where fetched.rows[fetch.entry.number] == nil {
      guard let row = fetch.row, let uid = fetch.uid else { continue }
      let reason =
        refusals[fetch.entry.number].map { "the server refuses it: \($0)" } ?? ledger.problem(of: uid)
        ?? "the server did not send all of it"
      try await state.noteUndrained(row, reason: reason)
      guard notices.count < 20 else { continue }
      var notice = SyncFailure(
        scope: .message, retry: .later, location: "\(mailbox.location):\(uid)",
        what: "the message cannot be fetched: \(reason)",
        remedy: "it stays on the server and is tried again at the next visit")
      notice.uid = uid.value
      notices.append(notice)
    }
    return notices
  }

  private func tooLarge(_ plan: DrainPlan) -> [SyncFailure] {
    guard let limit = policy.sizeLimit, !plan.tooLarge.isEmpty else { return [] }
    let count = plan.tooLarge.count
    return [
      SyncFailure(
        scope: .message, retry: .later, location: mailbox.location,
        what: "\(count == 1 ? "1 message is" : "\(count) messages are") larger than size_limit (\(limit) octets)",
        remedy: "left on the server; raise size_limit to fetch \(count == 1 ? "it" : "them")")
    ]
  }

  private func undeletable(_ plan: DrainPlan) -> [SyncFailure] {
    guard plan.undeletable > 0 else { return [] }
    return [
      SyncFailure(
        scope: .message, retry: .later, location: mailbox.location,
        what: "the server says that it has deleted \(plan.undeletable) messages, and it still has them",
        remedy: "they are here and are not fetched again; see what the server's settings allow programs to delete")
    ]
  }

  /// A contest is over when all its messages were fetched: rows that none of them was are not on the server any more.
  private func endContests(_ plan: DrainPlan, _ fetched: Fetched, listing: Int64) async throws {
    let found = Set(fetched.matched.values.map(\.row))
    let lost = plan.contests.filter { contest in contest.numbers.allSatisfy { fetched.rows[$0] != nil } }
      .flatMap(\.rows).filter { !found.contains($0) }
    try await state.endContests(lost, listing: listing, now: account.now())
  }

  // MARK: Deleting

  /// Deletes what is durable here and may go; returns how many the server has confirmed.
  private func delete(_ plan: DrainPlan, _ fetched: Fetched, _ result: inout Result) async throws -> Int {
    var rows = Dictionary(plan.deletions.map { ($0.number, $0.row) }, uniquingKeysWith: { first, _ in first })
    for (number, row) in fetched.rows {
      if fetched.matched[number]?.isDue ?? (policy.retention == .delete) { rows[number] = row }
    }
    let removed = plan.deletions.filter(\.isRemovedHere)
    let safe = try await DrainQuarantine(account: account, connection: connection, mailbox: mailbox).keep(removed)
    for deletion in removed where !safe.contains(deletion.number) { rows[deletion.number] = nil }
    guard !rows.isEmpty else {
      try? await connection.quit()
      return 0
    }
    try await state.intendDeletion(rows.values.sorted())
    let outcome = try await connection.delete(rows.keys.sorted())
    for refusal in outcome.refused.prefix(20) {
      result.failures.append(
        SyncFailure(
          scope: .message, retry: .later, location: mailbox.location,
          what: "the server does not delete message \(refusal.number): \(refusal.text.text)",
          remedy: "it is here; its deletion is tried again at the next visit"))
    }
    let marked = outcome.marked.compactMap { rows[$0] }
    try await state.noteQuit(marked)
    try await connection.quit()
    let removedRows = Set(removed.map(\.row))
    try await state.confirmDeletion(
      marked.filter { !removedRows.contains($0) }, cause: .sync, detail: "deleted on the server after delivery",
      now: account.now())
    try await state.confirmDeletion(
      marked.filter { removedRows.contains($0) }, cause: .folder, detail: "deleted on the server as it was here",
      now: account.now())
    return marked.count
  }

  private func noteMaildrop(left: Int, _ plan: DrainPlan) async throws {
    let folder = try await DrainFolder(account: account, drain: drain).count(mailbox)
    try await state.setMaildrop(
      left: left, tooLarge: plan.tooLarge.count, files: folder.files, unseen: folder.unseen)
  }
}

extension DrainPlan.Fetch {
  /// The UID of its row.
  var uid: UID? { row.flatMap { UInt32(exactly: $0) }.flatMap(UID.init) }
}
