import MailModel
import Maildir
import SyncState

/// A look at the folder of a mailbox that is under way, maybe for hours: it writes nothing down, and only says whether
/// a message that is missing elsewhere may be there, as a file that no row and no earlier look knows. The files of
/// deliveries that go on meanwhile are known, since their rows come before them.
struct PassingLook: Sendable {
  let account: OpenAccount
  let mailbox: MirroredMailbox

  private var state: AccountState { account.state }
  private var id: Int64 { mailbox.record.id }

  /// - Returns: false where a turn of the mailbox has to look.
  func findsNothing() async throws -> Bool {
    let (folder, clock) = (mailbox.folder, account.clock)
    let stamp = try await account.pool.run { try folder.stamp(clock: clock) }
    if mailbox.record.scan?.allowsSkipping(now: stamp) != true {
      for try await entries in FolderEntries(folder: folder, pool: account.pool) {
        guard try await areKnown(entries) else { return false }
      }
    }
    account.facts.noteLook(at: id, began: stamp.began.total, now: clock.now().total)
    return true
  }

  private func areKnown(_ entries: [ScanEntry]) async throws -> Bool {
    let strays = Dictionary(
      try await state.localFiles(of: id).map { ($0.stamp.inode, $0.stamp) }, uniquingKeysWith: { first, _ in first })
    let rows = try await state.messages(baseNames: entries.map(\.parsed.base.bytes))
    return zip(entries, rows).allSatisfy { entry, rows in
      guard let stamp = entry.status.map(FileStamp.init) else { return true }
      if let stray = strays[stamp.inode], stray.size == stamp.size, stray.modified == stamp.modified { return true }
      return rows.contains { $0.mailbox == id && ($0.state != .present || $0.stamp?.inode == stamp.inode) }
    }
  }
}
