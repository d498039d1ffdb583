import LinuxFiles
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// Takes messages that the server no longer has out of the folder, into quarantine. The removal guard speaks first;
/// what it holds is frozen. Order for each message: intent committed, linked into quarantine and that durable,
/// committed, unlinked, committed.
struct RemovalRound: Sendable {
  struct Result: Sendable {
    var quarantined = 0
    var notices: [SyncFailure] = []
  }

  let account: OpenAccount
  let mailbox: MirroredMailbox
  private static let holdKind = "removals"
  private static let reason = "no longer on the server"

  private var id: Int64 { mailbox.record.id }
  private var state: AccountState { account.state }

  /// - Parameters:
  ///   - gone: UIDs of rows that are certainly no longer on the server.
  ///   - orphans: rows that lost their UID to a new UIDVALIDITY and were matched with nothing there.
  func run(gone: UIDSet, orphans: [Int64]) async throws -> Result {
    var result = Result()
    var leaving: [Int64] = []
    var forgotten: [Int64] = []
    var kept: [Int64] = []
    func sort(_ rows: some Sequence<MessageRecord>) {
      for row in rows where row.state == .present {
        let action = SyncPlanner.plan(
          server: .absent, folder: mailbox.localMessage(row), base: row.flags, policy: account.settings.policy)
        switch action {
        case .quarantine: leaving.append(row.id)
        case .forget: forgotten.append(row.id)
        default: kept.append(row.id)
        }
      }
    }
    for batch in gone.batches(of: 500, newestFirst: false) {
      sort(try await state.messages(Array(batch), of: id).values)
    }
    for start in stride(from: 0, to: orphans.count, by: 500) {
      sort(try await state.messages(ids: Array(orphans[start..<min(start + 500, orphans.count)])))
    }
    leaving.sort()
    try await state.forget(forgotten)
    try await state.setRemote(false, of: kept)
    guard !leaving.isEmpty else { return result }

    let holds = try await state.holds().filter { $0.mailbox == id && $0.kind == Self.holdKind }
    var verdict = try await verdict(leaving.count)
    if let hold = holds.first { verdict = .held(hold.reason) }
    if case .held(let reason) = verdict {
      try await state.hold(leaving, in: id, kind: Self.holdKind, reason: reason, now: account.now())
      try await state.setRemote(false, of: leaving)
      result.notices.append(.held(mailbox.location, reason))
      return result
    }
    result.quarantined = try await quarantine(leaving)
    return result
  }

  /// What the removal guard says of so many more removals from this folder.
  func verdict(_ removals: Int) async throws -> RemovalVerdict {
    let recent = try await state.recentRemovals(of: id, now: account.now())
    let size = try await state.messageCount(of: id).remote
    return SyncPlanner.guardRemovals(
      removals,
      window: RemovalWindow(
        folder: recent.folder, account: recent.account, folderSizeAtStart: recent.sizeAtStart ?? size),
      limits: account.settings.policy.hold, isTrashOrJunk: mailbox.isTrashOrJunk)
  }

  /// Moves these rows' files to quarantine; returns how many there were.
  func quarantine(_ messages: [Int64]) async throws -> Int {
    let size = try await state.messageCount(of: id).remote
    var count = 0
    for start in stride(from: 0, to: messages.count, by: 256) {
      let part = Array(messages[start..<min(start + 256, messages.count)])
      let entries = part.map { (message: $0, entry: Quarantine.newName(clock: account.clock).description) }
      try await state.intendQuarantine(entries)
      count += try await finish(try await state.messages(ids: part), folderSize: size)
    }
    return count
  }

  /// Carries committed intents to their end; what an earlier run already did is found done.
  func finish(_ rows: [MessageRecord], folderSize: Int) async throws -> Int {
    guard !rows.isEmpty else { return 0 }
    let account = account
    let folder = mailbox.folder
    let present = try await account.pool.run {
      let present = try rows.filter { try folder.link($0, into: account.quarantine) }
      try account.quarantine.sync()
      return present
    }
    try await state.confirmQuarantined(present, reason: Self.reason, now: account.now())
    try await account.pool.run {
      for row in rows { try folder.unlink(row) }
      try folder.syncDirectories([.new, .cur], source: false)
    }
    try await state.settleRemovals(rows.map(\.id), of: id, folderSize: folderSize, now: account.now())
    return present.count
  }
}

extension MaildirFolder {
  /// Where the row's file is now: under its recorded name, else wherever its base name is found in this folder.
  fileprivate func current(_ row: MessageRecord) throws -> ScanEntry? {
    guard let name = FileName(bytes: row.fileName), let base = FileName(bytes: row.baseName) else { return nil }
    let recorded = ScanEntry(name: name, subdirectory: row.isInCur ? .cur : .new, status: nil)
    if try self[recorded.subdirectory].status(of: name) != nil { return recorded }
    return try find(base: base).first
  }

  /// False when there is no file in the folder and none in quarantine: there is nothing to keep.
  fileprivate func link(_ row: MessageRecord, into quarantine: Quarantine) throws -> Bool {
    guard let text = row.quarantineName, let entry = FileName(text) else { return false }
    if let found = try current(row) {
      try quarantine.keep(found.name, from: self[found.subdirectory], as: entry)
      return true
    }
    return try quarantine.directory.status(of: entry) != nil
  }

  fileprivate func unlink(_ row: MessageRecord) throws {
    guard let found = try current(row) else { return }
    try self[found.subdirectory].unlink(found.name, label: "quarantined")
  }
}
