import IMAPProtocol
import MailModel
import SyncState

/// Ends a pass over the account: messages that left their mailbox, and that no other mailbox was found to have since,
/// are removed from their folders.
struct DepartureRound: Sendable {
  struct Result: Sendable {
    var ends: [Swift.Result<RoundResult, SyncFailure>] = []
    /// Files have lost their rows: another look at the account decides what they are.
    var wantsAnotherLook = false
  }

  let account: OpenAccount
  /// Where rounds may be under way meanwhile.
  var queue: WorkQueue?
  /// A mailbox that the caller has reserved in the queue.
  var owning: Int64?

  /// - Parameter before: what departed since then is left to another pass; nanoseconds since 1970.
  func run(before: Int64) async throws -> Result {
    var result = Result()
    for record in try await account.state.mailboxesWithDepartures() {
      if record.id != owning, let queue, await !queue.reserve(record.id) {
        result.wantsAnotherLook = true
        continue
      }
      do {
        let end = try await remove(from: record, before: before)
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
    let isFree = try await MatchingEnd(account: account).run()
    result.wantsAnotherLook = result.wantsAnotherLook || isFree
    return result
  }

  private func remove(from record: MailboxRecord, before: Int64) async throws -> RemovalRound.Result? {
    let rows = try await account.state.departures(of: record.id, before: before, now: account.clock.now().total)
    guard !rows.isEmpty else { return nil }
    let mailbox = try await account.mirrored(record, specialUse: record.specialUse.flatMap(SpecialUse.init(rawValue:)))
    return try await RemovalRound(account: account, mailbox: mailbox).carryOut(rows)
  }
}
