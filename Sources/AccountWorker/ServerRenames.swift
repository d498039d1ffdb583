import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// Follows mailboxes that were renamed on the server: the folder is renamed, and the row is that of the new name. A
/// mailbox is known again by its MAILBOXID (RFC 8474), else by its UIDVALIDITY, its UIDNEXT and the number of its
/// messages together, where no other can be meant; or, where it has changed since, by a UIDVALIDITY that no other has
/// and messages that are what they were.
struct ServerRenames: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection
  var queue: WorkQueue?

  private var state: AccountState { account.state }
  private var settings: AccountSettings { account.settings }

  func run(_ listing: [ListedMailbox]) async throws {
    guard listing.contains(where: { $0.entry.name.isInbox }) else { return }
    let listed = listing.filter(\.entry.isSelectable)
    let names = Set(listed.map(\.entry.name))
    let records = try await state.mailboxes()
    let known = Set(records.map(\.name) + records.compactMap(\.privateName))
    let fresh = listed.filter { item in
      !known.contains(item.entry.name) && !item.entry.name.isInbox
        && settings.selection.selects(item.entry.name, item.entry.delimiter.map { Character(UnicodeScalar($0)) })
    }
    let missing = records.filter { !names.contains($0.name) && $0.removal == .none && !$0.name.isInbox }
    guard !fresh.isEmpty else { return }
    // Parents first: their folders take others along.
    for record in missing {
      guard let item = try await renamed(record, among: fresh, missing: missing, records) else { continue }
      if let queue {
        guard await queue.reserve(record.id) else { continue }
      }
      do {
        if let current = try await state.mailbox(record.id) { try await follow(current, to: item.entry) }
        await queue?.release(record.id)
      } catch {
        await queue?.release(record.id)
        throw error
      }
    }
  }

  private func renamed(
    _ record: MailboxRecord, among fresh: [ListedMailbox], missing: [MailboxRecord], _ records: [MailboxRecord]
  ) async throws -> ListedMailbox? {
    let same = fresh.filter { record.isSame(as: $0) }
    if same.count == 1, let item = same.first, missing.count(where: { $0.isSame(as: item) }) == 1 { return item }
    let alike = fresh.filter { record.mayBeSame(as: $0) }
    guard alike.count == 1, let item = alike.first,
      records.count(where: { $0.uidValidity == record.uidValidity }) == 1
    else { return nil }
    do {
      let selection = try await connection.select(item.entry.name, readOnly: true, resync: nil) { _ in }
      guard selection.uidValidity == record.uidValidity else { return nil }
    } catch ConnectionError.refused {
      return nil
    }
    let probe = UIDProbe(connection: connection, state: state, mailbox: record.id)
    return try await probe.answer() == .matched ? item : nil
  }

  private func follow(_ record: MailboxRecord, to entry: ListEntry) async throws {
    let folder = try await moveFolder(of: record, to: entry)
    var changes = [AccountState.Relinking(mailbox: record.id, name: entry.name, folder: folder.stored)]
    if folder.stored != record.folder {
      // In the layout `fs` the folders below it have moved along.
      for other in try await state.mailboxes() where other.folder.hasPrefix(record.folder + "/") {
        changes.append(
          .init(
            mailbox: other.id, name: other.name, folder: folder.stored + other.folder.dropFirst(record.folder.count)))
      }
    }
    try await state.relink(changes, cause: .server, detail: "renamed from \(record.name)", now: account.now())
    account.logger.notice("\(settings.name)/\(record.name): renamed to \(entry.name) on the server")
  }

  /// Where the folder is then; where it was if its new place is taken or none can be named.
  private func moveFolder(of record: MailboxRecord, to entry: ListEntry) async throws -> FolderPath {
    let (root, layout, length) = (account.root, settings.layout, settings.root.utf8.count)
    guard let old = FolderPath(bytes: Array(record.folder.utf8)) else { return .root }
    guard let new = try? layout.folder(for: entry.name, separator: entry.delimiter, rootLength: length), new != old,
      settings.folderNames[record.name.description] == nil, (try? UnsafeName.check(entry.name, isFlat: false)) != nil
    else { return old }
    do {
      try await account.pool.run { try MaildirFolder.move(in: root, from: old, to: new) }
      return new
    } catch let error as FileError where error.isTaken || error.isNoDirectory || error.isMissing {
      account.logger.notice("\(settings.name)/\(entry.name): its folder stays \(old): \(error)")
      return old
    }
  }
}

extension MailboxRecord {
  fileprivate func isSame(as item: ListedMailbox) -> Bool {
    guard let status = item.status else { return false }
    if let objectID, let other = status.mailboxID { return objectID == other }
    guard let uidValidity, let checkpoint, let uidNext = checkpoint.uidNext, checkpoint.messages > 0 else {
      return false
    }
    return status.uidValidity == uidValidity && status.uidNext == uidNext
      && status.messages.map(Int.init) == checkpoint.messages
  }

  /// Messages have come or gone since.
  fileprivate func mayBeSame(as item: ListedMailbox) -> Bool {
    guard let status = item.status, objectID == nil || status.mailboxID == nil, let uidValidity,
      status.uidValidity == uidValidity, let next = status.uidNext
    else { return false }
    return checkpoint?.uidNext.map { next >= $0 } ?? true
  }
}
