import Logging
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// With `delete_on_server = "expunge"`: messages that are kept on the server and whose files were deleted here. One
/// counts as deleted when a second look at all folders, `settle` later, finds neither its name nor its content; many at
/// once wait for the person's word.
struct DrainDeletions: Sendable {
  let account: OpenAccount
  let mailbox: MirroredMailbox

  private var state: AccountState { account.state }

  func run() async throws {
    let began = account.clock.now().total
    let rows = try await state.keptMessages()
    let found = try await DrainFolders(account: account).find(Set(rows.map(\.baseName)))
    let missing = rows.filter { found[$0.baseName] == nil }
    try await state.setMissingSince(nil, rows.filter { found[$0.baseName] != nil && $0.missingSince != nil }.map(\.id))
    try await state.setMissingSince(began, missing.filter { $0.missingSince == nil }.map(\.id))
    let settled = missing.filter { row in row.missingSince.map { began - $0 >= settle } ?? false }
    let elsewhere = try await DrainFolders(account: account).hasContent(of: settled)
    let held = try await state.heldMessages()
    let deleted = settled.filter { !elsewhere.contains($0.id) && !held.contains($0.id) }
    try await remove(deleted, of: rows.count)
  }

  private var settle: Int64 { account.settings.settle.nanoseconds }

  private func remove(_ rows: [MessageRecord], of count: Int) async throws {
    guard !rows.isEmpty else { return }
    let (id, now) = (mailbox.record.id, account.now())
    let fresh = rows.filter { !$0.isApproved }
    let recent = try await state.recent(.deletionsOnServer, of: id, now: now)
    let verdict = SyncPlanner.guardChange(
      .deletionsOnServer, count: fresh.count,
      window: RemovalWindow(
        folder: recent.folder, account: recent.account, folderSizeAtStart: recent.sizeAtStart ?? count),
      limits: account.settings.policy.hold, isTrashOrJunk: false)
    var deleted = rows
    if case .held(let reason) = verdict {
      try await state.hold(
        fresh.map(\.id), in: id, kind: HoldKind.deletions.rawValue, reason: reason, now: now)
      account.logger.notice("\(mailbox.location): waits for your word: \(reason)", metadata: account.metadata())
      deleted = rows.filter(\.isApproved)
    } else {
      try await state.count(.deletionsOnServer, fresh.count, in: id, folderSize: count, now: now)
    }
    try await state.noteRemovedHere(deleted.map(\.id))
  }
}
