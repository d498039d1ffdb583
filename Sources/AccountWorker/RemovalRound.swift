import LinuxFiles
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// Takes messages that the server no longer has out of the folder, into quarantine. A round only notes that they have
/// left (`note`): they may have moved to another mailbox. When all mailboxes have been looked at, what turned up nowhere
/// is removed (`carryOut`). The removal guard speaks first; what it holds is frozen. Order for each message: intent
/// committed, linked into quarantine and that durable, committed, unlinked, committed.
struct RemovalRound: Sendable {
  struct Result: Sendable {
    var quarantined = 0
    /// Files that have no row any more, since the server has lost the message that they were changed or moved from.
    var released = 0
    var notices: [SyncFailure] = []
  }

  let account: OpenAccount
  let mailbox: MirroredMailbox
  private static let holdKind = "removals"
  private static let reason = "no longer on the server"
  private static let page = 500

  private var id: Int64 { mailbox.record.id }
  private var state: AccountState { account.state }

  // MARK: In the mailbox's round

  /// Notes which rows' messages are certainly no longer in the mailbox; returns how many wait to be looked for elsewhere.
  func note(gone: UIDSet, at time: Int64) async throws -> Int {
    var count = 0
    for batch in gone.batches(of: Self.page, newestFirst: false) {
      var departed: [Int64] = []
      var ended: [MessageEnding] = []
      for row in try await state.messages(Array(batch), of: id).values where row.state == .present {
        // A message that was to go, and that has no file here, is not looked for.
        if row.pending.contains(.gone), row.leaving != .none {
          ended.append(.gone(row, "expunged"))
        } else {
          departed.append(row.id)
        }
      }
      try await state.forget(ended)
      try await state.setDeparted(departed, at: time)
      count += departed.count
    }
    return count
  }

  /// Holds rows that lost their UID to a new UIDVALIDITY and were matched with nothing there: that alone removes
  /// nothing, however few they are.
  func hold(orphans: [Int64]) async throws -> [SyncFailure] {
    var unmatched: [Int64] = []
    for start in stride(from: 0, to: orphans.count, by: Self.page) {
      let rows = try await state.messages(ids: Array(orphans[start..<min(start + Self.page, orphans.count)]))
      for row in rows where row.state == .present {
        switch action(for: row) {
        case .quarantine: unmatched.append(row.id)
        case .forget: try await state.forget([.onNeitherSide(row)])
        case .upload:
          // Edited here: it is read again, as a file without a row.
          try await state.forget([.editedMeanwhile(row)])
          try await state.forgetScan(of: id)
        default: try await state.setRemote(false, of: [row.id])
        }
      }
    }
    guard !unmatched.isEmpty else { return [] }
    let reason = "the mailbox has a new UIDVALIDITY, and \(unmatched.count) messages here have no match in it"
    try await state.setRemote(false, of: unmatched)
    try await state.hold(unmatched, in: id, kind: Self.holdKind, reason: reason, now: account.now())
    return [.held(mailbox.location, reason)]
  }

  private func action(for row: MessageRecord) -> MessageAction? {
    SyncPlanner.plan(
      server: .absent, folder: mailbox.localMessage(row), base: row.flags, policy: account.settings.policy
    ).first
  }

  // MARK: When all mailboxes have been looked at

  /// Does what the policy says with rows whose messages are nowhere else.
  func carryOut(_ departed: [Int64]) async throws -> Result {
    var result = Result()
    var leaving: [Int64] = []
    var approved: [Int64] = []
    let left = try await state.unsettled(.leaving).filter { $0.mailbox == id }
    result.quarantined += try await finish(left, folderSize: nil)
    for start in stride(from: 0, to: departed.count, by: Self.page) {
      let rows = try await state.messages(ids: Array(departed[start..<min(start + Self.page, departed.count)]))
      var dropped: [MessageEnding] = []
      var kept: [Int64] = []
      for row in rows where row.state == .present && !row.isRemote {
        switch action(for: row) {
        case .quarantine where row.isApproved: approved.append(row.id)
        case .quarantine: leaving.append(row.id)
        // Its file may turn up, and its message in another mailbox.
        case .forget where row.pending.contains(.gone) && !account.hasSettled(row): break
        case .forget: dropped.append(.onNeitherSide(row))
        case .upload: dropped.append(.editedMeanwhile(row))
        default: kept.append(row.id)
        }
      }
      try await state.dropDeparted(dropped, now: account.now())
      try await state.keepDeparted(kept)
      result.released += dropped.count
    }
    // An edited file is read again, as one without a row.
    if result.released > 0 { try await state.forgetScan(of: id) }
    result.quarantined += try await quarantine(approved, folderSize: nil)
    guard !leaving.isEmpty else { return result }
    // One folder at a time: the account's limit counts what the others have removed.
    await account.removalGate.enter()
    do {
      try await remove(leaving, &result)
      await account.removalGate.leave()
    } catch {
      await account.removalGate.leave()
      throw error
    }
    return result
  }

  private func remove(_ leaving: [Int64], _ result: inout Result) async throws {
    // What is in another folder by now has only moved, and that asks nobody.
    let moved = try await state.haveMoved(leaving, since: account.now() - Self.moveMemory)
    let lost = leaving.filter { !moved.contains($0) }
    result.quarantined += try await quarantine(leaving.filter(moved.contains), folderSize: nil)
    let size = try await state.messageCount(of: id).remote + lost.count
    var verdict = try await verdict(lost.count, folderSize: size)
    if let hold = try await state.holds().first(where: { $0.mailbox == id && $0.kind == Self.holdKind }) {
      verdict = .held(hold.reason)
    }
    if case .held(let reason) = verdict, !lost.isEmpty {
      try await state.hold(lost, in: id, kind: Self.holdKind, reason: reason, now: account.now())
      result.notices.append(.held(mailbox.location, reason))
      return
    }
    result.quarantined += try await quarantine(lost, folderSize: size)
  }

  /// A message that came to another folder so long before it was missed here, in seconds, has moved there.
  private static let moveMemory: Int64 = 3_600

  /// What the removal guard says of so many more removals from this folder.
  func verdict(_ removals: Int, folderSize: Int) async throws -> RemovalVerdict {
    let recent = try await state.recent(.removalsHere, of: id, now: account.now())
    return SyncPlanner.guardChange(
      .removalsHere, count: removals,
      window: RemovalWindow(
        folder: recent.folder, account: recent.account, folderSizeAtStart: recent.sizeAtStart ?? folderSize),
      limits: account.settings.policy.hold, isTrashOrJunk: mailbox.isTrashOrJunk)
  }

  /// Moves these rows' files to quarantine; returns how many there were. Without a folder size they do not count for the
  /// removal guard.
  private func quarantine(_ messages: [Int64], folderSize: Int?) async throws -> Int {
    var count = 0
    for start in stride(from: 0, to: messages.count, by: 256) {
      let part = Array(messages[start..<min(start + 256, messages.count)])
      let entries = part.map { (message: $0, entry: Quarantine.newName(clock: account.clock).description) }
      try await state.intendQuarantine(entries)
      count += try await finish(
        try await state.messages(ids: part).filter { $0.state == .leaving }, folderSize: folderSize)
    }
    return count
  }

  /// Moves damaged files to quarantine and drops their rows, so that the messages are fetched again.
  func setAsideDamaged(_ messages: [Int64], reason: String = "damaged on disk; fetched again") async throws {
    let entries = messages.map { (message: $0, entry: Quarantine.newName(clock: account.clock).description) }
    try await state.intendRefetch(entries, of: id)
    _ = try await finish(
      try await state.messages(ids: messages), folderSize: nil, event: .refetched, reason: reason)
    account.logger.warning("\(mailbox.location): \(messages.count) files to quarantine: \(reason)")
  }

  /// Carries committed intents to their end; what an earlier run already did is found done. Without a folder size they
  /// do not count for the removal guard.
  func finish(
    _ rows: [MessageRecord], folderSize: Int?, event: HistoryEvent = .quarantined,
    reason: String = RemovalRound.reason
  ) async throws -> Int {
    guard !rows.isEmpty else { return 0 }
    let account = account
    let folder = mailbox.folder
    let (kept, restless) = try await account.pool.run {
      var kept: [(row: MessageRecord, file: FileIdentity?)] = []
      var restless: Set<Int64> = []
      for row in rows {
        switch try folder.link(row, into: account.quarantine) {
        case .linked(let file): kept.append((row, file))
        case .alreadyKept: kept.append((row, nil))
        case .notFound: break
        case .restless: restless.insert(row.id)
        }
      }
      try account.quarantine.sync()
      return (kept, restless)
    }
    try await state.confirmQuarantined(
      kept.map(\.row), event: event, cause: event == .refetched ? .sync : .server, reason: reason, now: account.now())
    let waiting = try await account.pool.run {
      var waiting = restless
      for (row, file) in kept {
        if let file, try !folder.unlink(row, file) { waiting.insert(row.id) }
      }
      try folder.syncDirectories([.new, .cur], source: false)
      return waiting
    }
    account.report(
      kept.map { row, _ in
        mailbox.change(
          .gone, uid: row.uid, fileName: row.fileName, isInCur: row.isInCur, flags: row.flags, in: account.settings)
      })
    // What was not found has no copy yet: should its file turn up again, it is a local file, and nothing is lost.
    // What is renamed all the time keeps its intent, and is carried to its end by a later round.
    try await state.settleRemovals(
      rows.map(\.id).filter { !waiting.contains($0) }, of: id, folderSize: folderSize, now: account.now())
    try await account.purgeUnkept()
    return kept.count
  }
}

extension MaildirFolder {
  /// Where the row's file is now: under its recorded name, else wherever its base name is found in this folder.
  fileprivate func current(_ row: MessageRecord) throws -> ScanEntry? {
    guard let name = FileName(bytes: row.fileName), let base = FileName(bytes: row.baseName) else { return nil }
    let recorded = ScanEntry(name: name, subdirectory: row.isInCur ? .cur : .new, status: nil)
    if try self[recorded.subdirectory].status(of: name) != nil { return recorded }
    let found = try find(base: base)
    return found.first { $0.status.map { FileStamp($0).inode } == row.stamp?.inode } ?? found.first
  }

  fileprivate enum Kept {
    case linked(FileIdentity)
    /// An earlier run put it there; a file of that name in the folder is the row's own or nobody's to remove.
    case alreadyKept
    case notFound
    /// It is renamed all the time: later.
    case restless
  }

  fileprivate func link(_ row: MessageRecord, into quarantine: Quarantine) throws -> Kept {
    guard let text = row.quarantineName, let entry = FileName(text) else { return .notFound }
    let isKept = try quarantine.directory.status(of: entry) != nil
    // A mail program may rename the file between its look and its link.
    for _ in 0..<5 {
      let current: ScanEntry?
      do { current = try self.current(row) } catch MaildirError.restless { return .restless }
      guard let found = current else { return isKept ? .alreadyKept : .notFound }
      guard let status = try self[found.subdirectory].status(of: found.name) else { continue }
      // Only what the row stands for may go: its own file, or one of its content where the folder was copied.
      // A row's header may be the server's where a program has altered the file's.
      if row.stamp?.inode != FileStamp(status).inode {
        guard let content = try content(of: found) else { continue }
        guard content.digests.content == row.digests.content else { return isKept ? .alreadyKept : .notFound }
      }
      if try quarantine.keep(found.name, status.identity, from: self[found.subdirectory], as: entry) {
        return .linked(status.identity)
      }
    }
    return .restless
  }

  /// Removes the file that is safe in quarantine, and no other that has come to its name; false where it is renamed all
  /// the time.
  fileprivate func unlink(_ row: MessageRecord, _ file: FileIdentity) throws -> Bool {
    for _ in 0..<5 {
      let current: ScanEntry?
      do { current = try self.current(row) } catch MaildirError.restless { return false }
      guard let found = current else { return true }
      guard let status = try self[found.subdirectory].status(of: found.name) else { continue }
      guard status.identity == file else { return true }
      if try self[found.subdirectory].unlink(found.name, label: "quarantined") { return true }
    }
    return false
  }
}
