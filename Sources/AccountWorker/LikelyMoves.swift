import MailModel
import SyncState

/// Which messages that appear in a mailbox may have been moved there although no other is known to have lost them yet.
struct LikelyMoves: Sendable {
  let state: AccountState
  let facts: SurveyFacts
  let habits: CopyHabits

  /// How many rows are looked for at a time, so that nobody waits long for the database.
  private static let probes = 20_000

  /// By header digest, where such messages are now: in mailboxes that may be looked at and from which messages are not
  /// copied to this one all the time, or departed.
  func sources(of headers: Set<Digest>, target: Int64) async throws -> [Digest: MoveSources] {
    let mailboxes = facts.mirrored
    let headers = Array(headers)
    let size = max(1, Self.probes / max(1, mailboxes.count))
    var found: [Digest: MoveSources] = [:]
    for start in stride(from: 0, to: headers.count, by: size) {
      let part = Array(headers[start..<min(start + size, headers.count)])
      for (header, all) in try await state.sources(of: part, besides: target) {
        var likely = all
        likely.mailboxes = all.mailboxes.filter { source in
          mailboxes.contains(source) && !habits.isHabit(CopyHabits.Pair(source: source, target: target))
        }
        if !likely.mailboxes.isEmpty || !likely.departed.isEmpty { found[header] = likely }
      }
    }
    return found
  }
}
