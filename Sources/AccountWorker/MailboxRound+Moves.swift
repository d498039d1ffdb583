import MailConnections
import MailModel
import SyncState

/// What a round has to do with messages that another client moves.
extension MailboxRound {
  /// Which messages without a row may just have been moved here: few that other mailboxes had, too.
  func possibleMoves(_ appeared: UIDSet) async throws -> PossibleMoves {
    guard mailbox.mayGetMoves(connection) else { return PossibleMoves() }
    let unasked = appeared.subtracting(knownCopies)
    guard !unasked.isEmpty, unasked.count <= Self.mostMoves else { return PossibleMoves() }
    do {
      return try await Rematch(account: account, connection: connection, mailbox: mailbox).possibleMoves(unasked)
    } catch let error as ConnectionError where error.scope == .mailbox {
      // The download finds out which of them the server does not give.
      return PossibleMoves()
    }
  }

  /// Of more the headers are not asked for: most often a mailbox with much new mail.
  private static let mostMoves = 100

  /// Notes where UIDs were given since the checkpoint that no message has (RFC 9051 section 2.3.1.1): messages may have
  /// come and left again. That matters only while others have left their mailboxes.
  /// - Parameter others: messages that have no row yet.
  func notePassersBy(since checkpoint: Checkpoint?, _ view: RemoteView, besides others: UIDSet) async throws {
    guard let next = view.selection.uidNext else { return }
    let known = max(checkpoint?.uidNext ?? 1, 1)
    let first = account.facts.withPassersBy { $0.firstNews(of: id, known: known, next: next) }
    guard next > first, try await state.hasDeparted() else { return }
    let given = UIDSet(ranges: CollectionOfOne(first...next - 1))
    var seen = try await state.uids(of: id, among: given).union(state.uids(of: id, isRemote: false, among: given))
    seen = seen.union(UIDSet(try await state.unfetched(in: id).map(\.uid)).union(others).intersection(given))
    let (isComplete, now) = (seen.count == given.count, account.clock.now().total)
    account.facts.withPassersBy { passersBy in
      passersBy.noteSeen(id, next: next)
      if !isComplete { passersBy.note(at: now) }
    }
  }

  /// Notes which messages have left the mailbox, and does nothing else; returns how many, or nil where that can't be
  /// said now.
  func noteDepartures() async throws -> Int? {
    guard let record = try await state.mailbox(id), !account.pointsElsewhere else { return nil }
    guard try await state.messageCount(of: id).remote > 0 else { return 0 }
    let view = try await RemoteViewReader(
      connection: connection, record: record, state: state, location: mailbox.location
    ).read()
    guard !view.validityChanged,
      try await !state.holds().contains(where: { $0.mailbox == id && RoundNeed.viewHolds.contains($0.kind) })
    else { return nil }
    if case .mismatch = try await UIDProbe(connection: connection, state: state, mailbox: id).answer() { return nil }
    let unfetched = UIDSet(try await state.unfetched(in: id).map(\.uid))
    let (change, trouble) = try await membership(view, known: view.known, unfetched: unfetched)
    guard trouble == nil else { return nil }
    return try await RemovalRound(account: account, mailbox: mailbox).note(
      gone: change.gone.subtracting(unfetched), at: account.clock.now().total)
  }
}
