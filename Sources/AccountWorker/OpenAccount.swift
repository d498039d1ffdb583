import IMAPProtocol
import LinuxFiles
import Logging
import MailModel
import Maildir
import SyncState

/// What the rounds of one account share while it is open.
struct OpenAccount: Sendable {
  let settings: AccountSettings
  let state: AccountState
  /// For a dry run.
  var rehearsal: Rehearsal?
  private(set) var pool: DiskPool
  let root: DirectoryHandle
  let quarantine: Quarantine
  private(set) var pipeline: DeliveryPipeline
  /// Where many messages go, when `pool` and `pipeline` are those for few.
  private(set) var bulk: (pool: DiskPool, pipeline: DeliveryPipeline)?
  let removalGate = RemovalGate()
  /// One mailbox of the account writes to the server at a time.
  let pushGate = RemovalGate()
  /// Held while it is decided how many flags may be cleared.
  let clearingGate = RemovalGate()
  let facts = SurveyFacts()
  let copyHabits = CopyHabits()
  let likelyMoves: LikelyMoves
  let folderNews = FolderNews()
  /// Nil where nobody waits for news of the folders.
  var folderWatch: FolderWatch?
  /// Why the state had to be made anew at this opening.
  var rebuilt: String?
  let names: BaseNames
  let clock: WallClock
  let meter: ProgressMeter
  let logger: Logger
  /// Told what changed in the folders.
  let report: @Sendable ([MessageChange]) -> Void

  /// The configuration names another server or user than the mail came from: a new name for the same server, or a
  /// mistake. Where UIDVALIDITY differs as well it is held.
  var pointsElsewhere: Bool { state.identity.server != settings.server }

  /// Seconds since 1970.
  func now() -> Int64 { clock.now().seconds }

  init(
    settings: AccountSettings, state: AccountState, pool: DiskPool, root: DirectoryHandle, quarantine: Quarantine,
    clock: WallClock, meter: ProgressMeter, logger: Logger, report: @escaping @Sendable ([MessageChange]) -> Void
  ) {
    var logger = logger
    logger[metadataKey: "ACCOUNT"] = "\(settings.name)"
    self.settings = settings
    self.state = state
    self.pool = pool
    self.root = root
    self.quarantine = quarantine
    self.clock = clock
    self.meter = meter
    self.logger = logger
    self.report = report
    names = BaseNames(clock: clock)
    likelyMoves = LikelyMoves(state: state, facts: facts, habits: copyHabits)
    pipeline = DeliveryPipeline(
      account: state, settings: settings, pool: pool, clock: clock, meter: meter, logger: logger, moves: likelyMoves,
      report: report)
  }

  /// The same account with threads and a pipeline of its own, so that one new message does not stand in line behind
  /// a thousand old ones.
  func express(pool: DiskPool) -> OpenAccount {
    var copy = self
    copy.bulk = (self.pool, pipeline)
    copy.pool = pool
    copy.pipeline = DeliveryPipeline(
      account: state, settings: settings, pool: pool, clock: clock, meter: meter, logger: logger, moves: likelyMoves,
      report: report)
    return copy
  }

  /// The one of the two for so many downloads.
  func suited(to downloads: Int) -> OpenAccount {
    guard let bulk, downloads > Self.fewDownloads else { return self }
    var copy = self
    (copy.pool, copy.pipeline, copy.bulk) = (bulk.pool, bulk.pipeline, nil)
    return copy
  }

  private static let fewDownloads = 64

  /// What stopped the account, on either of the two.
  var failure: (any Error)? { pipeline.failure ?? bulk?.pipeline.failure }
}

extension OpenAccount {
  /// Opens a linked mailbox's folder; one that is missing is an error, never made again.
  func mirrored(_ record: MailboxRecord, specialUse: SpecialUse? = nil) async throws -> MirroredMailbox {
    let (clock, logger) = (clock, logger)
    let (folder, keywords) = try await pool.run { () -> (MaildirFolder, FolderKeywords) in
      guard let path = FolderPath(bytes: Array(record.folder.utf8)) else {
        throw MaildirError.folderMissing(path: record.folder)
      }
      let folder = try open(path)
      return (folder, try FolderKeywords(folder: folder, clock: clock, logger: logger))
    }
    return MirroredMailbox(
      record: record, folder: folder, keywords: keywords, location: "\(settings.name)/\(record.name)",
      isTrashOrJunk: specialUse == .trash || specialUse == .junk)
  }

  /// In a dry run also a folder that a real one would have made.
  private func open(_ path: FolderPath) throws -> MaildirFolder {
    do {
      return try MaildirFolder.open(in: root, at: path)
    } catch MaildirError.folderMissing(let place) {
      guard let folders = rehearsal?.folders, let made = try? MaildirFolder.open(in: folders, at: path) else {
        throw MaildirError.folderMissing(path: place)
      }
      return made
    }
  }

  /// Keeps a file that is not what it should be, out of the folder.
  func setAside(_ entry: ScanEntry, in folder: MaildirFolder, of record: MailboxRecord, reason: String) async throws {
    let name = Quarantine.newName(clock: clock)
    let quarantine = quarantine
    let content = try await pool.run { try folder.content(of: entry) }
    try await state.noteQuarantined(
      mailbox: record, entry: name.description, fileName: entry.name.bytes, digest: content?.digests.content ?? .zero,
      reason: reason, now: now())
    try await pool.run { try folder.setAside(entry, into: quarantine, as: name) }
    try await purgeUnkept()
    logger.warning("\(settings.name)/\(record.name): \(entry.name) moved to quarantine: \(reason)")
  }
}

/// A mailbox that is linked with a folder, for one round.
struct MirroredMailbox: Sendable {
  let record: MailboxRecord
  let folder: MaildirFolder
  let keywords: FolderKeywords
  /// For messages to people: `work/Lists/swift`.
  let location: String
  /// Removals from Trash and Junk are not held.
  let isTrashOrJunk: Bool
}

extension FileStamp {
  init(_ status: FileStatus) {
    self.init(
      device: Int64(bitPattern: status.identity.device), inode: Int64(bitPattern: status.identity.inode),
      size: status.size, modified: status.modified.total, changed: status.changed.total)
  }

  init(_ stamp: DirectoryStamp) {
    self.init(
      device: Int64(bitPattern: stamp.identity.device), inode: Int64(bitPattern: stamp.identity.inode), size: 0,
      modified: stamp.modified.total, changed: stamp.changed.total)
  }
}

extension FileTime {
  /// Nanoseconds since 1970; the ends of what 64 bits hold for times beyond them.
  var total: Int64 {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return seconds < 0 ? .min : .max }
    let (sum, carry) = product.addingReportingOverflow(Int64(nanoseconds))
    return carry ? .max : sum
  }
}

extension MaildirFolder {
  /// Moves the very file that a scan met, whatever its name is now: another program may rename it meanwhile. Does nothing
  /// where it has gone.
  fileprivate func setAside(_ entry: ScanEntry, into quarantine: Quarantine, as name: FileName) throws {
    guard let file = entry.status?.identity else { return }
    func current() throws -> ScanEntry? {
      if try self[entry.subdirectory].status(of: entry.name)?.identity == file { return entry }
      return try find(base: entry.parsed.base).first { $0.status?.identity == file }
    }
    var isKept = false
    for _ in 0..<5 {
      guard let found = try current() else { return }
      let directory = self[found.subdirectory]
      if !isKept {
        isKept = try quarantine.keep(found.name, file, from: directory, as: name)
        if isKept { try quarantine.sync() }
      }
      guard isKept, try directory.status(of: found.name)?.identity == file else { continue }
      if try directory.unlink(found.name, label: "aside") { return try directory.sync() }
    }
    throw MaildirError.restless(path: cur.path)
  }
}
