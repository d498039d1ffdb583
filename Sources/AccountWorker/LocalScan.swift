import LinuxFiles
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// Compares a folder with the rows: the local view. What differs is noted as pending, for a push or, with
/// `direction = "pull"`, for good. A file that a power cut emptied or took is no person's doing: its row is dropped, and it is fetched again.
struct LocalScan: Sendable {
  struct Result: Sendable {
    var refetched = 0
    var wasSkipped = false
  }

  let account: OpenAccount
  let mailbox: MirroredMailbox
  let isForced: Bool
  /// Files that a power cut damaged stay where they are.
  var isDryRun = false

  private var state: AccountState { account.state }
  private var id: Int64 { mailbox.record.id }

  func run() async throws -> Result {
    let (folder, clock) = (mailbox.folder, account.clock)
    let stamp = try await account.pool.run { try folder.stamp(clock: clock) }
    if !isForced, let last = mailbox.record.scan, last.allowsSkipping(now: stamp) {
      noteLook(stamp)
      return Result(wasSkipped: true)
    }
    if state.sessionLostToPowerCut != nil, !isDryRun {
      try await SecondNames(account: account, mailbox: mailbox).remove()
    }

    let seen = SeenRows(highest: try await state.highestMessageID())
    var locals: [LocalFile] = []
    var result = Result()
    let known = Dictionary(
      try await state.localFiles(of: id).map { ($0.stamp.inode, $0) }, uniquingKeysWith: { first, _ in first })
    let isMatching = try await state.unmatchedMailboxes().contains(id)
    var names = SeenNames()
    func note(_ entries: [ScanEntry]) async throws {
      if isMatching { for entry in entries { names.insert(entry.parsed.base.bytes) } }
      let found = try await compare(entries, seen: seen, known: known, isMatching: isMatching)
      locals += found.locals
      result.refetched += found.dropped
    }
    for try await entries in FolderEntries(folder: folder, pool: account.pool) { try await note(entries) }
    // While the folder is matched with the server, a message whose file a rename hid would be fetched a second time,
    // and the file sent as a new one.
    if isMatching { try await note(try await account.pool.run { [names] in try folder.files(besides: names) }) }
    try await stopWhereReplaced(stamp, seen: seen)
    result.refetched += try await noteMissing(seen, began: stamp.began.total)
    if try await state.releaseKept(of: id, now: account.now()) {
      return try await LocalScan(account: account, mailbox: mailbox, isForced: true, isDryRun: isDryRun).run()
    }
    try await state.setLocalFiles(locals, of: id)
    try await state.setScan(FolderScanRecord(stamp), of: id)
    noteLook(stamp)
    return result
  }

  /// In a dry run nothing waits to be settled.
  private func noteLook(_ stamp: FolderStamp) {
    let (began, now) = isDryRun ? (Int64.max, Int64.max) : (stamp.began.total, account.clock.now().total)
    account.facts.noteLook(at: id, began: began, now: now)
  }

  /// Compares files with the rows of their base names and notes what differs; returns those that have no row.
  /// - Parameter known: files without a row that an earlier look met, by inode.
  func compare(
    _ entries: [ScanEntry], seen: SeenRows, known: [Int64: LocalFile], isMatching: Bool = false
  ) async throws -> (locals: [LocalFile], dropped: Int) {
    var (locals, dropped, open): ([LocalFile], Int, [ScanEntry]) = ([], 0, entries)
    let folder = mailbox.folder
    for _ in 0..<20 {
      let found = try await compareOnce(open, seen: seen, known: known)
      locals += found.locals
      dropped += found.dropped
      guard !found.renamed.isEmpty else { return (locals, dropped) }
      let names = Set(found.renamed.map(\.parsed.base.bytes))
      let inodes = Set(found.renamed.compactMap(\.status?.identity))
      let files = try await account.pool.run { try folder.files(named: names) }
      guard files.isComplete || !isMatching else { break }
      open = files.entries.values.joined().filter { $0.status.map { inodes.contains($0.identity) } ?? false }
    }
    throw MaildirError.restless(path: folder.cur.path)
  }

  /// What one look at files came to.
  private struct Compared {
    var locals: [LocalFile] = []
    var dropped = 0
    /// They went, or have another name now, before they were read.
    var renamed: [ScanEntry] = []
  }

  private func compareOnce(
    _ entries: [ScanEntry], seen: SeenRows, known: [Int64: LocalFile]
  ) async throws -> Compared {
    let candidates = try await state.messages(baseNames: entries.map { $0.parsed.base.bytes })
    var result = Compared()
    var changed: [SeenFile] = []
    var dropped: [Int64] = []
    func note(_ entry: ScanEntry, _ stamp: FileStamp) async throws {
      switch try await localFile(entry, stamp, known: known) {
      case .file(let file): result.locals.append(file)
      case .gone: result.renamed.append(entry)
      case .unreadable: break
      }
    }
    for (entry, rows) in zip(entries, candidates) {
      guard let status = entry.status else { continue }
      let stamp = FileStamp(status)
      guard let row = rows.first(where: { $0.mailbox == id && $0.state == .present && !seen.contains($0.id) }) else {
        // Seen twice under the same inode: another program renamed it while we read the directory.
        if rows.contains(where: { $0.mailbox == id && $0.stamp?.inode == stamp.inode }) { continue }
        if rows.contains(where: { $0.mailbox == id && $0.state != .present }) { continue }
        // On its way to the folder of the mailbox that another client moved its message to.
        if rows.contains(where: { $0.movedFrom == id }) { continue }
        try await note(entry, stamp)
        continue
      }
      if row.stamp?.inode != stamp.inode, try await isElsewhere(row, than: entry) {
        // Somebody copied the row's file under its base name: this is the copy.
        try await note(entry, stamp)
        continue
      }
      let verdict = try await check(row, entry, stamp)
      if case .gone = verdict {
        result.renamed.append(entry)
        continue
      }
      seen.insert(row.id)
      switch verdict {
      case .unchanged, .gone: break
      case .differs(let file): changed.append(file)
      case .damaged: dropped.append(row.id)
      }
    }
    try await state.setSeen(changed, in: id)
    if !dropped.isEmpty, !isDryRun {
      try await RemovalRound(account: account, mailbox: mailbox).setAsideDamaged(dropped)
    }
    result.dropped = dropped.count
    return result
  }

  /// Whether the row's own file is where it was, under another name than this one.
  private func isElsewhere(_ row: MessageRecord, than entry: ScanEntry) async throws -> Bool {
    guard let name = FileName(bytes: row.fileName), name != entry.name || row.isInCur != (entry.subdirectory == .cur)
    else { return false }
    let directory = mailbox.folder[row.isInCur ? .cur : .new]
    return try await account.pool.run {
      try directory.status(of: name).map { FileStamp($0).inode == row.stamp?.inode } ?? false
    }
  }

  private enum Verdict {
    case unchanged
    case differs(SeenFile)
    case damaged
    case gone
  }

  /// DESIGN.md section 6, "a scanned file is unchanged": device, inode, size and mtime decide, a changed ctime alone is
  /// a rename; anything else is read.
  private func check(_ row: MessageRecord, _ entry: ScanEntry, _ stamp: FileStamp) async throws -> Verdict {
    if stamp.size == 0, row.diskSize > 0 { return .damaged }
    var pending = row.pending.subtracting([.gone, .flags])
    let isSuspect = state.isSuspect(session: row.session)
    let recorded = row.stamp
    let sameFile =
      recorded.map {
        $0.device == stamp.device && $0.inode == stamp.inode && $0.size == stamp.size && $0.modified == stamp.modified
      } ?? false
    if !sameFile || isSuspect {
      switch try await read(entry) {
      case .unreadable: return .unchanged
      case .gone: return .gone
      // The row's header is the server's, which a program may have added to here.
      case .content(let found) where found.content.digests.content == row.digests.content: pending.remove(.content)
      case .content where isSuspect:
        return .damaged
      case .content: pending.insert(.content)
      }
    }
    let local = mailbox.keywords.flags(of: entry.parsed, unlettered: row.unlettered, base: row.flags)
    if local != row.flags { pending.insert(.flags) }
    let isInCur = entry.subdirectory == .cur
    if pending == row.pending, recorded == stamp, row.fileName == entry.name.bytes, row.isInCur == isInCur {
      return .unchanged
    }
    return .differs(
      SeenFile(message: row.id, fileName: entry.name.bytes, isInCur: isInCur, stamp: stamp, pending: pending))
  }

  private enum Stray {
    case file(LocalFile)
    case gone
    case unreadable
  }

  private func localFile(_ entry: ScanEntry, _ stamp: FileStamp, known: [Int64: LocalFile]) async throws -> Stray {
    var file = LocalFile(
      mailbox: id, baseName: entry.parsed.base.bytes, fileName: entry.name.bytes,
      isInCur: entry.subdirectory == .cur, stamp: stamp, digests: MessageDigests(content: .zero, header: .zero))
    if let before = known[stamp.inode], before.stamp.size == stamp.size, before.stamp.modified == stamp.modified,
      let traits = before.traits
    {
      (file.digests, file.plain, file.traits) = (before.digests, before.plain, traits)
      return .file(file)
    }
    switch try await read(entry) {
    case .gone: return .gone
    case .unreadable: return .unreadable
    case .content(let found):
      (file.digests, file.plain, file.traits) = (found.content.digests, found.plain, found.traits)
      return .file(file)
    }
  }

  private enum Reading: Sendable {
    case content(LocalContent)
    case gone
    /// One file that cannot be read stops only itself.
    case unreadable
  }

  private func read(_ entry: ScanEntry) async throws -> Reading {
    let folder = mailbox.folder
    do {
      return try await account.pool.run {
        try folder.plainContent(of: entry).map { .content($0) } ?? .gone
      }
    } catch let error as FileError where error.isRefused {
      account.logger.warning("\(mailbox.location): \(error)")
      return .unreadable
    }
  }

  /// DESIGN.md section 5: `cur/` with another device or inode in which most known files are not found is a stop.
  private func stopWhereReplaced(_ stamp: FolderStamp, seen: SeenRows) async throws {
    guard let last = mailbox.record.scan,
      last.cur.inode != FileStamp(stamp.cur).inode || last.cur.device != FileStamp(stamp.cur).device
    else { return }
    let expected = try await state.settledCount(of: id)
    guard expected > 0, seen.count * 2 < expected else { return }
    throw SyncFailure(
      scope: .mailbox, retry: .never, location: mailbox.location,
      what: "its folder was replaced by another directory that has \(seen.count) of its \(expected) messages",
      remedy: "put the folder back; nothing is written there until then")
  }

  /// Rows whose file was not seen are looked for once more before they count as locally gone: a rename during the
  /// reading of a directory can hide a file from it. Works in pages, since a whole folder may be gone.
  private func noteMissing(_ seen: SeenRows, began: Int64) async throws -> Int {
    var isAnyMissing = false
    try await forEachMissing(seen) { _ in isAnyMissing = true }
    guard isAnyMissing else { return 0 }
    for try await entries in FolderEntries(folder: mailbox.folder, pool: account.pool) {
      for rows in try await state.messages(baseNames: entries.map({ $0.parsed.base.bytes })) {
        for row in rows where row.mailbox == id { seen.insert(row.id) }
      }
    }
    var lost = 0
    let folder = mailbox.folder
    try await forEachMissing(seen) { rows in
      let names = Set(rows.map(\.baseName))
      guard let here = try await account.pool.run({ try folder.present(names) }) else {
        throw MaildirError.restless(path: folder.cur.path)
      }
      let rows = rows.filter { !here.contains($0.baseName) }
      let fallen = rows.filter { state.isSuspect(session: $0.session) }
      try await state.forget(fallen.map(\.id), event: .refetched, detail: "its file went with the power")
      lost += fallen.count
      try await state.setMissing(rows.filter { !state.isSuspect(session: $0.session) }, since: began)
    }
    if lost > 0 {
      account.logger.warning("\(mailbox.location): \(lost) files went with the power; they are fetched again")
    }
    return lost
  }

  private func forEachMissing(_ seen: SeenRows, _ body: ([MessageRecord]) async throws -> Void) async throws {
    var last: MessageRecord?
    while true {
      let page = try await state.page(of: id, after: last)
      guard let end = page.last else { return }
      last = end
      let missing = page.filter { $0.state == .present && !seen.contains($0.id) && !$0.pending.contains(.gone) }
      if !missing.isEmpty { try await body(missing) }
    }
  }
}

extension FolderScanRecord {
  init(_ stamp: FolderStamp) {
    self.init(new: FileStamp(stamp.new), cur: FileStamp(stamp.cur), began: stamp.began.total)
  }

  /// Whether the folder need not be read: both directories are as at the last complete scan, and that scan began over
  /// 2 s after their times, so that no change can hide in one tick of the file system's clock.
  func allowsSkipping(now: FolderStamp) -> Bool {
    guard new == FileStamp(now.new), cur == FileStamp(now.cur) else { return false }
    return began > max(new.modified, new.changed, cur.modified, cur.changed) + 2_000_000_000
  }
}
