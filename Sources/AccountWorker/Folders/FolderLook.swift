import LinuxFiles
import MailModel
import Maildir
import SyncState

/// Looks at those names of a folder of which a watch has told, and at nothing else: what one change costs does not grow
/// with the folder. Only a scan of the whole folder says that a message is gone; here its file is noted as missing.
struct FolderLook: Sendable {
  let account: OpenAccount
  let mailbox: MirroredMailbox

  private var state: AccountState { account.state }
  private var id: Int64 { mailbox.record.id }

  /// - Returns: whether files went that the server still has (`RoundWork.forgetsCheckpoint`).
  func run(_ hint: FolderHint) async throws -> Bool {
    let scan = LocalScan(account: account, mailbox: mailbox, isForced: false)
    guard case .names(let names) = hint, state.sessionLostToPowerCut == nil, try await isSameFolder() else {
      account.logger.debug("\(mailbox.location): looking at the whole folder", metadata: account.metadata())
      return try await scan.run().refetched > 0
    }
    account.logger.debug("\(mailbox.location): looking at \(names.count) names", metadata: account.metadata())
    let began = account.clock.now().total
    let entries = try await self.entries(of: names)
    let before = try await state.localFiles(of: id)
    let seen = SeenRows(highest: try await state.highestMessageID())
    let known = Dictionary(before.map { ($0.stamp.inode, $0) }, uniquingKeysWith: { first, _ in first })
    let found = try await scan.compare(entries, seen: seen, known: known)
    try await noteMissing(names, seen, since: began)
    try await noteStrays(found.locals, among: before, looked: names)
    return found.dropped > 0
  }

  /// Whether the directories are those that the last complete scan has read.
  private func isSameFolder() async throws -> Bool {
    guard let last = mailbox.record.scan else { return false }
    let (folder, clock) = (mailbox.folder, account.clock)
    let now = try await account.pool.run { try folder.stamp(clock: clock) }
    let (new, cur) = (FileStamp(now.new), FileStamp(now.cur))
    return last.new.device == new.device && last.new.inode == new.inode && last.cur.device == cur.device
      && last.cur.inode == cur.inode
  }

  private func entries(of names: Set<MailFileName>) async throws -> [ScanEntry] {
    let folder = mailbox.folder
    return try await account.pool.run {
      try names.compactMap { file in
        guard let status = try folder[file.subdirectory].status(of: file.name), status.kind == .regular else {
          return nil
        }
        return ScanEntry(name: file.name, subdirectory: file.subdirectory, status: status)
      }
    }
  }

  /// Rows that had one of the names, whose file is neither where the row has it nor among those that were met.
  private func noteMissing(_ names: Set<MailFileName>, _ seen: SeenRows, since: Int64) async throws {
    let bases = Set(names.map { MessageFileName(parsing: $0.name).base.bytes })
    let rows = try await state.messages(baseNames: Array(bases)).joined().filter { row in
      row.mailbox == id && row.state == .present && !seen.contains(row.id) && !row.pending.contains(.gone)
    }
    guard !rows.isEmpty else { return }
    let folder = mailbox.folder
    let missing = try await account.pool.run {
      try rows.filter { row in
        guard let name = FileName(bytes: row.fileName) else { return false }
        return try folder[row.isInCur ? .cur : .new].status(of: name) == nil
      }
    }
    try await state.setMissing(missing, since: since)
  }

  private func noteStrays(
    _ found: [LocalFile], among before: [LocalFile], looked names: Set<MailFileName>
  ) async throws {
    let inodes = Set(found.map(\.stamp.inode))
    let rest = before.filter { file in
      guard let name = FileName(bytes: file.fileName) else { return false }
      return !inodes.contains(file.stamp.inode)
        && !names.contains(MailFileName(subdirectory: file.isInCur ? .cur : .new, name: name))
    }
    if found.isEmpty, rest.count == before.count { return }
    try await state.setLocalFiles(rest + found, of: id)
  }
}

/// Looks at the folders of an account of which watches have told.
struct FolderLooks: Sendable {
  let account: OpenAccount

  struct Result: Sendable {
    /// Files went there that the server still has (`RoundWork.forgetsCheckpoint`).
    var lost: Set<Int64> = []
    /// The folder could not be looked at.
    var failed: Set<Int64> = []
    /// Their mailboxes are under way: their next rounds look at them.
    var left: Set<Int64> = []
  }

  /// Looks at all of them before anything is sent from one: a file that left one folder may be in another.
  func run(_ queue: WorkQueue) async throws -> Result {
    var result = Result()
    for id in account.folderNews.mailboxes {
      guard await queue.reserve(id) else {
        result.left.insert(id)
        continue
      }
      do {
        if try await look(at: id) { result.lost.insert(id) }
      } catch {
        result.failed.insert(id)
        if SyncFailure(error, account: account.settings.name, location: "").scope == .account {
          await queue.release(id)
          throw error
        }
      }
      await queue.release(id)
    }
    return result
  }

  /// Looks at the folder of a mailbox that is the caller's in the queue.
  func look(at id: Int64) async throws -> Bool {
    guard let hint = account.folderNews.take(id), let record = try await account.state.mailbox(id),
      record.removal != .held
    else { return false }
    do {
      return try await FolderLook(account: account, mailbox: try await account.mirrored(record)).run(hint)
    } catch {
      // What was not seen is to be seen by the next look.
      account.folderNews.note(.everything, of: id)
      throw error
    }
  }
}
