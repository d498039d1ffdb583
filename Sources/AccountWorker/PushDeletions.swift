import IMAPProtocol
import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// Deletes on the server what was deleted in the folder, as `delete_on_server` says: to the Trash, expunged with a copy
/// in quarantine first, or not at all. Only single messages are ever expunged (RFC 4315 UID EXPUNGE); where the server
/// can't, they are marked and wait for somebody's expunge. What is the rest of a move, or was replaced by an edited
/// version, leaves nothing in the Trash.
struct PushDeletions: Sendable {
  let target: PushTarget

  private static let batch = 500
  private var state: AccountState { target.state }
  private var account: OpenAccount { target.account }
  private var connection: IMAPConnection { target.connection }

  /// How a message goes.
  private enum Way {
    case trash(MailboxName)
    /// Fetched into quarantine first.
    case expunge
    /// Another copy of it is on both sides.
    case rest(copied: Set<Int64>)
  }

  func run(_ changes: LocalChanges) async throws -> PushRound.Result {
    var result = PushRound.Result()
    let replaced = changes.rests.filter { $0.leaving == .replaced }
    let rests = changes.rests.filter { $0.leaving != .replaced }
    try await delete(rests, .rest(copied: state.copied(rests.map(\.id))), &result)
    try await delete(replaced, .expunge, &result)
    guard let deletions = try await DisappearanceCheck(account: account).run(changes.deletions) else {
      result.undone += changes.deletions.count
      return result
    }
    guard !deletions.isEmpty else { return result }
    guard account.settings.policy.deleteOnServer != .never else {
      try await state.setUnsendable(deletions.map(\.id))
      return result
    }
    var sorted = try await sort(deletions)
    try await fetchAgain(sorted.again, &result)
    if account.facts.trash == nil {
      try await waitForTrash(sorted.trashed.filter { !$0.isApproved }, Self.noTrash, &result)
      sorted.trashed.removeAll { !$0.isApproved }
    }
    let allowed = Set(try await allowed(sorted.expunged + sorted.trashed, &result).map(\.id))
    try await delete(sorted.expunged.filter { allowed.contains($0.id) }, .expunge, &result)
    try await putIntoTrash(sorted.trashed.filter { allowed.contains($0.id) }, &result)
    return result
  }

  /// What the guard lets pass.
  private func allowed(
    _ deletions: [MessageRecord], _ result: inout PushRound.Result
  ) async throws -> [MessageRecord] {
    guard !deletions.isEmpty else { return [] }
    let asked = deletions.filter { !$0.isApproved }
    var (verdict, size) = try await target.verdict(.deletionsOnServer, asked.count)
    if let hold = try await state.holds().first(where: { $0.mailbox == target.id && $0.kind == "deletions" }) {
      verdict = .held(hold.reason)
    }
    if case .held(let reason) = verdict {
      result.notices.append(try await target.hold(asked.map(\.id), kind: "deletions", reason: reason))
      return deletions.filter(\.isApproved)
    }
    try await state.count(.deletionsOnServer, asked.count, in: target.id, folderSize: size, now: account.now())
    return deletions
  }

  /// Deletions by what becomes of them.
  private struct Sorted {
    /// Somebody has just used them on the server: they come back.
    var again: [MessageRecord] = []
    var expunged: [MessageRecord] = []
    var trashed: [MessageRecord] = []
  }

  private func sort(_ deletions: [MessageRecord]) async throws -> Sorted {
    let name = target.mailbox.record.name
    var sorted = Sorted()
    for row in deletions {
      let isDraft = row.flags.system.contains(.draft) || target.mailbox.record.specialUse == SpecialUse.drafts.rawValue
      let leavesLabel = try await state.hasOtherLabel(row.id)
      // Deleting in the Trash is an expunge; a draft that is gone was sent or edited; a label is only taken off.
      if account.settings.policy.deleteOnServer == .expunge || account.facts.trash == name || isDraft || leavesLabel {
        // Somebody has just used it on the server, and no Trash would keep it.
        if row.isTouched, !isDraft, !leavesLabel, !row.isApproved {
          sorted.again.append(row)
        } else {
          sorted.expunged.append(row)
        }
      } else if account.facts.trash == nil, row.isTouched, !row.isApproved {
        sorted.again.append(row)
      } else {
        sorted.trashed.append(row)
      }
    }
    return sorted
  }

  private func fetchAgain(_ rows: [MessageRecord], _ result: inout PushRound.Result) async throws {
    guard !rows.isEmpty else { return }
    account.logger.notice(
      "\(target.mailbox.location): \(rows.count) messages were deleted here and changed on the server; they come back",
      metadata: account.metadata(of: target.mailbox.record.name))
    try await state.forget(
      rows.map(\.id), event: .refetched, detail: "deleted here, and changed on the server meanwhile")
    result.deleted += rows.count
  }

  // MARK: Without a Trash

  private static let noTrash = "the account has no Trash mailbox that what was deleted here could go to"

  /// Such deletions never become expunges (DESIGN.md section 4): they wait until there is a Trash.
  private func waitForTrash(
    _ rows: [MessageRecord], _ cause: String, _ result: inout PushRound.Result
  ) async throws {
    guard !rows.isEmpty else { return }
    let reason = "\(cause); it goes on by itself when you make one, or set delete_on_server = \"expunge\""
    result.notices.append(
      try await target.hold(rows.map(\.id), kind: HoldKind.trash.rawValue, reason: reason))
  }

  /// Where there is none, these are what a person has approved: that makes one.
  private func putIntoTrash(_ rows: [MessageRecord], _ result: inout PushRound.Result) async throws {
    guard !rows.isEmpty else { return }
    if let trash = account.facts.trash { return try await delete(rows, .trash(trash), &result) }
    let trash = TrashMailbox.usualName(connection.facts)
    if let refused = try await connection.create(trash), refused.code != .alreadyExists {
      return try await waitForTrash(
        rows, "the account has no Trash mailbox, and the server did not make \(trash): \(refused.text)", &result)
    }
    _ = try await connection.subscribe(trash)
    account.logger.notice(
      "\(account.settings.name)/\(trash): made on the server for what was deleted here", metadata: account.metadata())
    account.facts.noteTrash(trash)
    account.facts.setWantsLook(true)
    try await delete(rows, .trash(trash), &result)
  }

  // MARK: On the server

  private func delete(_ rows: [MessageRecord], _ way: Way, _ result: inout PushRound.Result) async throws {
    for start in stride(from: 0, to: rows.count, by: Self.batch) {
      let part = Array(rows[start..<min(start + Self.batch, rows.count)])
      switch way {
      case .trash(let trash) where connection.capabilities.hasMove: try await moveToTrash(part, trash, &result)
      case .trash(let trash):
        let copied = try await copyToTrash(part, trash, &result)
        try await expunge(copied, &result) { .gone($0, "to \(trash)") }
      case .expunge:
        let kept = try await QuarantineFetch(target: target).run(part, &result)
        let detail = account.settings.keepDeleted > 0 ? "expunged, with a copy in quarantine" : "expunged"
        try await expunge(kept, &result) { .gone($0, detail) }
      case .rest(let copied):
        try await expunge(part, &result) { .gone($0, "expunged", hasCopy: copied.contains($0.id)) }
      }
    }
  }

  private func moveToTrash(
    _ rows: [MessageRecord], _ trash: MailboxName, _ result: inout PushRound.Result
  ) async throws {
    switch try await connection.move(UIDSet(rows.compactMap(\.uid)), to: trash) {
    case .refused(let text): result.notices.append(try target.refusal("move messages to \(trash)", text))
    case .done:
      try await state.confirmDeleted(rows.map { .gone($0, "to \(trash)") }, now: account.now())
      result.deleted += rows.count
    }
  }

  /// Returns those that are safely in the Trash.
  private func copyToTrash(
    _ rows: [MessageRecord], _ trash: MailboxName, _ result: inout PushRound.Result
  ) async throws -> [MessageRecord] {
    let ids = try await intendTrash(rows, trash)
    do {
      switch try await connection.copy(UIDSet(rows.compactMap(\.uid)), to: trash) {
      case .refused(let text):
        try await state.dropIntents(ids)
        result.notices.append(try target.refusal("copy messages to \(trash)", text))
        return []
      case .done:
        try await state.setLeaving(.restOfMove, of: rows.map(\.id))
        try await state.dropIntents(ids)
        return rows
      }
    } catch {
      try await state.setUncertain(ids, now: account.now())
      throw error
    }
  }

  /// Where the Trash is not mirrored there is nothing to look for afterwards: at worst a second copy stays in it.
  private func intendTrash(_ rows: [MessageRecord], _ trash: MailboxName) async throws -> [Int64] {
    guard let record = try await state.mailboxes().first(where: { $0.name == trash }),
      let place = try await MoveDestination.open(record.id, target: target)
    else { return [] }
    return try await state.intend(
      rows.map { row in
        ServerIntent(
          kind: .trash, mailbox: place.id, uidValidity: place.validity, uidNext: place.uidNext, source: row.id,
          file: nil, digests: row.digests, wireSize: row.rfc822Size ?? row.wireSize)
      }, now: account.now()
    ).compactMap { $0 }
  }

  /// - Parameter ending: what history tells of each.
  private func expunge(
    _ rows: [MessageRecord], _ result: inout PushRound.Result, ending: (MessageRecord) -> MessageEnding
  ) async throws {
    guard !rows.isEmpty else { return }
    let uids = UIDSet(rows.compactMap(\.uid))
    // Should the connection break now, our own mark must not look like somebody's use of them.
    try await state.setGoing(rows.map(\.id))
    if let refused = try await connection.storeFlags(uids, adding: FlagSet(system: .deleted), unchangedSince: nil)
      .refused
    {
      result.notices.append(try target.refusal("mark messages as deleted", refused))
      return
    }
    result.deleted += rows.count
    guard connection.capabilities.hasUIDPlus else {
      try await state.setLeaving(.awaitingExpunge, of: rows.map(\.id))
      return
    }
    if let refused = try await connection.expunge(uids) {
      result.notices.append(try target.refusal("expunge messages", refused))
      return
    }
    try await state.confirmDeleted(rows.map(ending), now: account.now())
  }
}
