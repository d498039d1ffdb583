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

  /// Why a message goes, as history has it.
  private enum Way {
    case trash(MailboxName)
    /// Fetched into quarantine first.
    case expunge
    /// Another copy of it is on both sides.
    case rest
  }

  func run(_ changes: LocalChanges) async throws -> PushRound.Result {
    var result = PushRound.Result()
    let replaced = changes.rests.filter { $0.leaving == .replaced }
    let rests = changes.rests.filter { $0.leaving != .replaced }
    try await delete(rests, .rest, &result)
    try await delete(replaced, .expunge, &result)
    let deletions = try await allowed(changes.deletions, &result)
    guard !deletions.isEmpty else { return result }
    try await sort(deletions, &result)
    return result
  }

  /// What the guard lets pass and the policy sends.
  private func allowed(
    _ deletions: [MessageRecord], _ result: inout PushRound.Result
  ) async throws -> [MessageRecord] {
    let deletions = try await DisappearanceCheck(account: account).run(deletions)
    guard !deletions.isEmpty else { return [] }
    guard account.settings.policy.deleteOnServer != .never else {
      try await state.setUnsendable(deletions.map(\.id))
      return []
    }
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

  private func sort(_ deletions: [MessageRecord], _ result: inout PushRound.Result) async throws {
    let name = target.mailbox.record.name
    var again: [MessageRecord] = []
    var expunged: [MessageRecord] = []
    var trashed: [MessageRecord] = []
    for row in deletions {
      let isDraft = row.flags.system.contains(.draft) || target.mailbox.record.specialUse == SpecialUse.drafts.rawValue
      let leavesLabel = try await state.hasOtherLabel(row.id)
      // Deleting in the Trash is an expunge; a draft that is gone was sent or edited; a label is only taken off.
      if account.settings.policy.deleteOnServer == .expunge || account.facts.trash == name || isDraft || leavesLabel {
        // Somebody has just used it on the server, and no Trash would keep it.
        if row.isTouched, !isDraft, !leavesLabel, !row.isApproved { again.append(row) } else { expunged.append(row) }
      } else {
        trashed.append(row)
      }
    }
    if !again.isEmpty {
      account.logger.notice(
        "\(target.mailbox.location): \(again.count) messages were deleted here and changed on the server; they come back",
        metadata: account.metadata(of: name))
      try await state.forget(
        again.map(\.id), event: .refetched, detail: "deleted here, and changed on the server meanwhile")
      result.deleted += again.count
    }
    try await delete(expunged, .expunge, &result)
    guard !trashed.isEmpty else { return }
    guard let trash = account.facts.trash else {
      let reason =
        "the account has no Trash mailbox, so these deletions wait; make one on the server, or set "
        + "delete_on_server = \"expunge\""
      result.notices.append(try await target.hold(trashed.map(\.id), kind: "deletions", reason: reason))
      return
    }
    try await delete(trashed, .trash(trash), &result)
  }

  private func delete(_ rows: [MessageRecord], _ way: Way, _ result: inout PushRound.Result) async throws {
    for start in stride(from: 0, to: rows.count, by: Self.batch) {
      let part = Array(rows[start..<min(start + Self.batch, rows.count)])
      switch way {
      case .trash(let trash) where connection.capabilities.hasMove: try await moveToTrash(part, trash, &result)
      case .trash(let trash):
        let copied = try await copyToTrash(part, trash, &result)
        try await expunge(copied, detail: "to \(trash)", &result)
      case .expunge:
        let kept = try await QuarantineFetch(target: target).run(part, &result)
        try await expunge(kept, detail: "expunged", &result)
      case .rest: try await expunge(part, detail: "the rest of a move", &result)
      }
    }
  }

  private func moveToTrash(
    _ rows: [MessageRecord], _ trash: MailboxName, _ result: inout PushRound.Result
  ) async throws {
    switch try await connection.move(UIDSet(rows.compactMap(\.uid)), to: trash) {
    case .refused(let text): result.notices.append(try target.refusal("move messages to \(trash)", text))
    case .done:
      try await state.confirmDeleted(rows.map(\.id), detail: "to \(trash)", cause: .folder, now: account.now())
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

  private func expunge(_ rows: [MessageRecord], detail: String, _ result: inout PushRound.Result) async throws {
    guard !rows.isEmpty else { return }
    let uids = UIDSet(rows.compactMap(\.uid))
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
    try await state.confirmDeleted(rows.map(\.id), detail: detail, cause: .folder, now: account.now())
  }
}
