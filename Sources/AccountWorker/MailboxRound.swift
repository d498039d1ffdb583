import IMAPProtocol
import MailConnections
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// One round for one mailbox, server to folder: view, plan, execution, checkpoint, which moves only when all of it is
/// done. What has left the mailbox is noted; it is removed when the pass over the account is over (`DepartureRound`).
struct MailboxRound: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection
  let mailbox: MirroredMailbox
  let isDryRun: Bool
  /// UIDs that are known to be copies and no moves; what else another mailbox has, too, is not fetched before that one was
  /// looked at.
  var knownCopies = UIDSet()

  var state: AccountState { account.state }
  var id: Int64 { mailbox.record.id }

  func run() async throws -> RoundResult {
    var result = RoundResult(plan: MailboxPlan(mailbox: mailbox.record.name))
    guard var record = try await state.mailbox(id) else { return result }
    let view = try await RemoteViewReader(
      connection: connection, record: record, state: state, location: mailbox.location
    ).read()
    if isDryRun {
      return try await planOnly(view)
    }
    var known = view.known
    if view.validityChanged, let validity = view.selection.uidValidity {
      if view.exists == 0, !known.isEmpty {
        return try await holdEverything(
          known.uids, kind: "uidvalidity",
          reason: "the mailbox was made anew on the server and is empty there; its \(known.count) messages stay here")
      }
      if account.pointsElsewhere, !known.isEmpty {
        return try await holdEverything(
          UIDSet(), kind: "server",
          reason:
            "its mail came from \(state.identity.server), and \(account.settings.server) has another mailbox there")
      }
      account.logger.notice("\(mailbox.location): UIDVALIDITY changed; messages are matched by their content")
      try await state.forgetUIDs(of: id, validity: validity)
      known = KnownUIDs()
    } else if record.uidValidity == nil, let validity = view.selection.uidValidity {
      try await state.setValidity(validity, of: id)
    }
    if let objectID = view.selection.mailboxID, objectID != record.objectID {
      try await state.setObjectID(objectID, of: id)
    }
    record = try await state.mailbox(id) ?? record

    if !known.isEmpty, let held = try await probe() { return held }
    try await dropHolds(kinds: ["uids", "uidvalidity", "server"])

    let unfetched = UIDSet(try await state.unfetched(in: id).map(\.uid))
    var (change, trouble) = try await membership(view, known: known, unfetched: unfetched)
    if let trouble { result.notices.append(trouble) }
    result.departed = try await RemovalRound(account: account, mailbox: mailbox).note(
      gone: change.gone.subtracting(unfetched), at: account.clock.now().total)
    let arriving = try await arriving(among: change.appeared)
    change.appeared = change.appeared.subtracting(arriving)
      .subtracting(try await state.uids(of: id, among: change.appeared))
    change.appeared = try await takeBack(change.appeared)
    let matched = try await rematch(change.appeared)
    change.appeared = change.appeared.subtracting(matched.matched).subtracting(matched.waiting)
    result.moved = matched.moved
    if record.checkpoint != nil, !view.validityChanged {
      result.possibleMoves = try await possibleMoves(change.appeared)
      change.appeared = change.appeared.subtracting(result.possibleMoves.uids)
    }
    let wanted = change.appeared.union(unfetched.subtracting(change.gone))
    result.plan.downloads = wanted.subtracting(try await state.uids(of: id, among: wanted))

    let flags = FlagRound(account: account, mailbox: mailbox)
    try await flags.letterKeywords()
    let compared = try await compareFlags(flags, view, known.uids.subtracting(change.gone), record: record)
    result.flagsChanged = compared.changed
    let flagsAreComplete = compared.isComplete && view.selection.unreadable.isEmpty
    let downloads = DownloadRound(
      account: account.suited(to: result.plan.downloads.count), connection: connection, mailbox: mailbox)
    let fetched = try await downloads.run(result.plan.downloads)
    result.delivered = fetched.delivered
    result.notices += fetched.notices
    try await state.dropUnfetched(Array(change.gone.intersection(unfetched)), in: id)

    try await notePassersBy(
      since: record.checkpoint, view, besides: arriving.union(matched.waiting).union(result.possibleMoves.uids))

    // Before rows without a UID count as gone, all that the server has must be here to be matched with them.
    if fetched.notices.isEmpty, trouble == nil, arriving.isEmpty, matched.waiting.isEmpty, result.possibleMoves.isEmpty
    {
      result.notices += try await RemovalRound(account: account, mailbox: mailbox).hold(
        orphans: state.unpaired(in: id))
    }

    guard trouble == nil, arriving.isEmpty, result.possibleMoves.isEmpty else {
      // Most often mail that came in the middle of the listing, or that a move, our own or another's, has just brought.
      result.isStale = true
      result.hasUnknown = !arriving.isEmpty || !result.possibleMoves.isEmpty
      return result
    }
    guard matched.waiting.isEmpty else {
      result.isWaiting = true
      return result
    }
    let count = try await state.messageCount(of: id)
    try await state.completeRound(
      of: id,
      checkpoint: Checkpoint(
        // Without a MODSEQ the next round compares all flags: not all of these could be read or carried out.
        uidNext: view.selection.uidNext,
        highestModSequence: flagsAreComplete ? view.selection.highestModSequence : nil,
        messages: count.remote + count.unfetched), now: account.now())
    try await state.setMatched(id)
    let latest = connection.mailboxState
    result.isStale =
      Int(latest.exists) != count.remote + count.unfetched || latest.sawExpunge || !latest.vanished.isEmpty
    return result
  }

  /// Holds the mailbox where its UIDs name other messages now, and while a hold for such a cause, or a changed server
  /// name, is not answered by at least one message that is what it was.
  private func probe() async throws -> RoundResult? {
    let answer = try await UIDProbe(connection: connection, state: state, mailbox: id).answer()
    if case .mismatch(let reason) = answer { return try await holdEverything(UIDSet(), kind: "uids", reason: reason) }
    guard answer == .unknown else { return nil }
    if let hold = try await state.holds().first(where: { $0.mailbox == id && ["uids", "server"].contains($0.kind) }) {
      return try await holdEverything(UIDSet(), kind: hold.kind, reason: hold.reason)
    }
    guard account.pointsElsewhere else { return nil }
    return try await holdEverything(
      UIDSet(), kind: "server",
      reason: "its mail came from \(state.identity.server), and nothing of it was found at \(account.settings.server)")
  }

  /// Resolves the membership; nothing is taken for gone before a complete listing where the counts do not add up.
  func membership(
    _ view: RemoteView, known: KnownUIDs, unfetched: UIDSet
  ) async throws -> (MembershipChange, SyncFailure?) {
    var known = known
    var decision = SyncPlanner.membership(
      view.membership, known: known.uids, besides: known.besides, unfetched: unfetched, exists: view.exists)
    if case .needsListing = decision {
      account.logger.info("\(mailbox.location): the server's counts do not add up; listing all UIDs")
      known = try await .all(of: id, in: state)
      let listing = try await connection.existingUIDs()
      decision = SyncPlanner.membership(
        .complete(listing.uids), known: known.uids, unfetched: unfetched, exists: Int(listing.exists))
      if case .contradictory = decision {
        return (
          MembershipChange(appeared: listing.uids.subtracting(known.uids).subtracting(unfetched), gone: UIDSet()),
          contradiction(listed: listing.uids.count, exists: Int(listing.exists))
        )
      }
    }
    switch decision {
    case .decided(let change): return (change, nil)
    case .contradictory(let listed, let exists):
      var appeared = UIDSet()
      if case .complete(let uids) = view.membership { appeared = uids.subtracting(known.uids).subtracting(unfetched) }
      return (MembershipChange(appeared: appeared, gone: UIDSet()), contradiction(listed: listed, exists: exists))
    case .needsListing:
      return (MembershipChange(appeared: UIDSet(), gone: UIDSet()), contradiction(listed: 0, exists: view.exists))
    }
  }

  private func contradiction(listed: Int, exists: Int) -> SyncFailure {
    SyncFailure(
      scope: .mailbox, retry: .later, location: mailbox.location,
      what: "the server lists \(listed) messages but says that \(exists) exist; nothing is removed here",
      remedy: "it is looked at again at the next sync")
  }

  /// Messages whose file stayed here although they were gone, and that the server has again.
  private func takeBack(_ appeared: UIDSet) async throws -> UIDSet {
    let kept = try await state.uids(of: id, isRemote: false, among: appeared)
    guard !kept.isEmpty else { return appeared }
    for batch in kept.batches(of: 500) {
      try await state.setRemote(true, of: try await state.messages(Array(batch), of: id).values.map(\.id))
    }
    return appeared.subtracting(kept)
  }

  /// What a move that another mailbox's turn is carrying out at this moment brings here; that turn gives it its row.
  /// The view was read before the intents, and the rows are read after them: a UID without either is none of ours.
  private func arriving(among appeared: UIDSet) async throws -> UIDSet {
    guard !appeared.isEmpty else { return appeared }
    let moves = try await state.intents(into: id).filter { $0.kind == .move && !$0.isUncertain }
    guard let lowest = moves.map(\.uidNext).min() else { return UIDSet() }
    return appeared.intersection(UIDSet(ranges: CollectionOfOne(max(lowest, 1)...UInt32.max)))
  }

  private func rematch(_ appeared: UIDSet) async throws -> Rematch.Result {
    let rematch = Rematch(account: account, connection: connection, mailbox: mailbox)
    guard !appeared.isEmpty, try await rematch.isWorthwhile() else { return Rematch.Result() }
    let result = try await rematch.run(appeared)
    if result.moved > 0 {
      account.logger.info("\(mailbox.location): \(result.moved) messages were moved here on the server")
    }
    if result.matched.count > result.moved {
      account.logger.notice(
        "\(mailbox.location): \(result.matched.count - result.moved) messages matched by their content")
    }
    return result
  }

  private func compareFlags(
    _ flags: FlagRound, _ view: RemoteView, _ known: UIDSet, record: MailboxRecord
  ) async throws -> FlagRound.Result {
    if let updates = view.flags {
      var total = FlagRound.Result()
      for start in stride(from: 0, to: updates.count, by: 500) {
        total.add(try await flags.apply(updates.slice(start..<Swift.min(start + 500, updates.count))))
      }
      return total
    }
    let present = known.isEmpty ? try await state.uids(of: id) : known
    guard !present.isEmpty else { return FlagRound.Result() }
    var since: ModSequence?
    if connection.capabilities.hasCondStore, !view.validityChanged, !view.selection.noModSequence,
      let stored = record.checkpoint?.highestModSequence, let highest = view.selection.highestModSequence,
      highest >= stored
    {
      since = stored
    }
    let counter = Counter()
    let outcome = try await connection.fetchAttributes(present, [.flags], changedSince: since) { batch in
      let updates = batch.compactMap { message in
        message.uid.flatMap { uid in message.flags.map { (uid: uid, flags: $0) } }
      }
      await counter.add(try await flags.apply(updates))
    }
    var total = await counter.value
    total.isComplete = total.isComplete && outcome.unreadable.isEmpty
    return total
  }

  /// A server view that cannot be what it says: everything here stays, and a person decides.
  private func holdEverything(_ uids: UIDSet, kind: String, reason: String) async throws -> RoundResult {
    var messages: [Int64] = []
    for batch in uids.batches(of: 500) {
      messages += try await state.messages(Array(batch), of: id).values.map(\.id)
    }
    try await state.hold(messages, in: id, kind: kind, reason: reason, now: account.now())
    var result = RoundResult(plan: MailboxPlan(mailbox: mailbox.record.name, hold: reason))
    result.notices = [.held(mailbox.location, reason)]
    return result
  }

  /// A hold whose cause is gone is dropped.
  private func dropHolds(kinds: Set<String>) async throws {
    for hold in try await state.holds() where hold.mailbox == id && kinds.contains(hold.kind) {
      try await state.dropHold(hold.id)
      account.logger.notice("\(mailbox.location): the hold is dropped, its cause is gone: \(hold.reason)")
    }
  }
}

/// A sum that concurrent callbacks add to.
private actor Counter {
  private(set) var value = FlagRound.Result()
  func add(_ result: FlagRound.Result) { value.add(result) }
}

extension SyncFailure {
  static func held(_ location: String, _ reason: String) -> SyncFailure {
    var failure = SyncFailure(
      scope: .mailbox, retry: .never, location: location, what: "held: \(reason)",
      remedy: "run `mailmirror holds` to see it and to decide")
    failure.isHold = true
    return failure
  }
}
