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
    let (began, folders) = (account.clock.now().total, DrainFolders(account: account))
    let seen = SeenRows(highest: try await state.highestMessageID())
    try await folders.look(seen)
    var isWhole = true
    _ = try await forEachKept { rows in isWhole = isWhole && rows.allSatisfy { seen.contains($0.id) } }
    // A rename while a directory is read can hide a file from it: what is not seen in the first pass gets a second.
    if !isWhole { try await folders.look(seen) }
    var settled: [MessageRecord] = []
    let count = try await forEachKept { rows in
      let missing = rows.filter { !seen.contains($0.id) }
      let back = rows.filter { seen.contains($0.id) && $0.missingSince != nil }
      try await state.setMissingSince(nil, back.map(\.id))
      try await state.setMissingSince(began, missing.filter { $0.missingSince == nil }.map(\.id))
      settled += missing.filter { row in row.missingSince.map { began - $0 >= settle } ?? false }
    }
    let held = try await state.heldMessages()
    settled.removeAll { held.contains($0.id) }
    guard !settled.isEmpty else { return }
    if let path = try await folders.doubtful() {
      account.logger.warning(
        """
        \(account.settings.name): \(path) is empty or can't be read, and may be a folder with mail that is not mounted; \
        nothing counts as deleted before it is back, or removed
        """,
        metadata: account.metadata())
      return
    }
    guard let present = try await folders.presence(of: settled) else {
      account.logger.info(
        "\(account.settings.name): files are being renamed; deletions wait", metadata: account.metadata())
      return
    }
    try await remove(
      settled.filter { !present.named.contains($0.id) && !present.withContent.contains($0.id) }, of: count)
  }

  /// Returns how many there are.
  private func forEachKept(_ body: ([MessageRecord]) async throws -> Void) async throws -> Int {
    var (last, count): (Int64, Int) = (0, 0)
    while true {
      let page = try await state.keptMessages(after: last)
      guard let end = page.last else { return count }
      try await body(page)
      (last, count) = (end.id, count + page.count)
    }
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
