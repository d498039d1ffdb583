import IMAPProtocol
import MailModel
import SyncState

/// Ends a pass over the account: messages that left their mailbox, and that no other mailbox was found to have since,
/// are removed from their folders.
struct DepartureRound: Sendable {
  struct Result: Sendable {
    var ends: [Swift.Result<RoundResult, SyncFailure>] = []
    /// Files have lost their rows, mailboxes were under way, or the pass was not conclusive: another look at the account
    /// decides.
    var wantsAnotherLook = false
  }

  let account: OpenAccount
  /// Where rounds may be under way meanwhile.
  var queue: WorkQueue?
  /// A mailbox that the caller has reserved in the queue.
  var owning: Int64?

  /// - Parameter before: when the pass began; what departed since then is left to another. Nanoseconds since 1970.
  func run(before: Int64) async throws -> Result {
    var result = Result()
    var isConclusive: Bool?
    for record in try await account.state.mailboxesWithDepartures() {
      if record.id != owning, let queue, await !queue.reserve(record.id) {
        result.wantsAnotherLook = true
        continue
      }
      do {
        let end = try await remove(from: record, before: before, &isConclusive, &result.wantsAnotherLook)
        if record.id != owning { await queue?.release(record.id) }
        guard let end else { continue }
        result.wantsAnotherLook = result.wantsAnotherLook || end.released > 0
        var round = RoundResult(plan: .init(mailbox: record.name))
        round.quarantined = end.quarantined
        round.notices = end.notices
        account.report(holds: end.notices, in: record.name)
        result.ends.append(.success(round))
      } catch {
        if record.id != owning { await queue?.release(record.id) }
        let location = "\(account.settings.name)/\(record.name)"
        let failure = SyncFailure(error, account: account.settings.name, location: location)
        guard failure.scope != .account else { throw error }
        result.ends.append(.failure(failure))
      }
    }
    if isConclusive == nil { account.facts.withPassersBy { $0.nothingPutOff() } }
    let isFree = try await MatchingEnd(account: account).run()
    result.wantsAnotherLook = result.wantsAnotherLook || isFree
    return result
  }

  private func remove(
    from record: MailboxRecord, before: Int64, _ isConclusive: inout Bool?, _ wantsAnotherLook: inout Bool
  ) async throws -> RemovalRound.Result? {
    let (state, now) = (account.state, account.clock.now().total)
    var rows = try await state.departures(of: record.id, before: before, now: now)
    let approved = try await state.approvedRemovals(of: record.id)
    if approved.count < rows.count {
      let verdict = isConclusive ?? account.facts.withPassersBy { $0.isConclusive(before, now: now) }
      isConclusive = verdict
      if !verdict {
        wantsAnotherLook = true
        rows = approved
      }
    }
    guard !rows.isEmpty else { return nil }
    let mailbox = try await account.mirrored(record, specialUse: record.specialUse.flatMap(SpecialUse.init(rawValue:)))
    return try await RemovalRound(account: account, mailbox: mailbox).carryOut(rows)
  }
}
