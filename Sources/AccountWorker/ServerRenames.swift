import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// Follows mailboxes that were renamed on the server: the folder is renamed, and the row is that of the new name. A
/// mailbox is known again by its MAILBOXID (RFC 8474), else by its UIDVALIDITY, its UIDNEXT and the number of its
/// messages together, where no other can be meant; or, where it has changed since, by a UIDVALIDITY that no other has
/// and messages that are what they were. The identifier is what SELECT tells: STATUS answers with random bytes in Cyrus
/// 3.6.
struct ServerRenames: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection
  var queue: WorkQueue?

  private var state: AccountState { account.state }
  private var settings: AccountSettings { account.settings }

  func run(_ listing: [ListedMailbox]) async throws {
    for (record, entry) in try await matches(listing) {
      if let queue {
        guard await queue.reserve(record.id) else { continue }
      }
      do {
        if let current = try await state.mailbox(record.id) { try await follow(current, to: entry) }
        await queue?.release(record.id)
      } catch {
        await queue?.release(record.id)
        throw error
      }
    }
  }

  /// Mailboxes that are listed under another name; parents first, since their folders take others along.
  func matches(_ listing: [ListedMailbox]) async throws -> [(record: MailboxRecord, entry: ListEntry)] {
    guard listing.contains(where: { $0.entry.name.isInbox }) else { return [] }
    let listed = listing.filter(\.entry.isSelectable)
    let names = Set(listed.map(\.entry.name))
    let records = try await state.mailboxes()
    let known = Set(records.map(\.name) + records.compactMap(\.privateName))
    let fresh = listed.filter { item in
      !known.contains(item.entry.name) && !item.entry.name.isInbox
        && settings.selection.selects(item.entry.name, item.entry.delimiter.map { Character(UnicodeScalar($0)) })
    }
    let missing = records.filter { !names.contains($0.name) && $0.removal == .none && !$0.name.isInbox }
    guard !fresh.isEmpty, !missing.isEmpty else { return [] }
    let identifiers = missing.contains { $0.objectID != nil } ? try await identifiers(of: fresh) : [:]
    func isSame(_ record: MailboxRecord, _ item: ListedMailbox) -> Bool {
      if let known = record.objectID, let found = identifiers[item.entry.name] { return known == found }
      return record.hasStatus(of: item)
    }
    var found: [(record: MailboxRecord, entry: ListEntry)] = []
    for record in missing {
      let candidates = fresh.filter { isSame(record, $0) }
      if candidates.count == 1, let item = candidates.first, missing.count(where: { isSame($0, item) }) == 1 {
        found.append((record, item.entry))
      } else if records.count(where: { $0.uidValidity == record.uidValidity }) == 1 {
        let alike = fresh.filter { item in
          (record.objectID == nil || identifiers[item.entry.name] == nil) && record.mayHaveBecome(item)
        }
        if alike.count == 1, let item = alike.first, try await hasMessages(of: record, item.entry.name) {
          found.append((record, item.entry))
        }
      }
    }
    return found
  }

  /// Whether messages that the row's mailbox had are in this one.
  private func hasMessages(of record: MailboxRecord, _ name: MailboxName) async throws -> Bool {
    do {
      let selection = try await connection.select(name, readOnly: true, resync: nil) { _ in }
      guard selection.uidValidity == record.uidValidity else { return false }
    } catch ConnectionError.refused {
      return false
    }
    return try await UIDProbe(connection: connection, state: state, mailbox: record.id).answer() == .matched
  }

  /// MAILBOXIDs of mailboxes that can be selected.
  private func identifiers(of mailboxes: [ListedMailbox]) async throws -> [MailboxName: String] {
    guard connection.capabilities.hasObjectID else { return [:] }
    var found: [MailboxName: String] = [:]
    for item in mailboxes {
      do {
        found[item.entry.name] = try await connection.select(item.entry.name, readOnly: true, resync: nil) { _ in }
          .mailboxID
      } catch ConnectionError.refused {
        continue
      }
    }
    return found
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

  /// Where the folder of the new name belongs; nil where it is to stay.
  func place(of entry: ListEntry, from record: MailboxRecord) -> FolderPath? {
    guard let old = FolderPath(bytes: Array(record.folder.utf8)),
      let new = try? settings.layout.folder(
        for: entry.name, separator: entry.delimiter, rootLength: settings.root.utf8.count), new != old,
      settings.folderNames[record.name.description] == nil, (try? UnsafeName.check(entry.name, isFlat: false)) != nil
    else { return nil }
    return new
  }

  /// Where the folder is then; where it was if its new place is taken or none can be named.
  private func moveFolder(of record: MailboxRecord, to entry: ListEntry) async throws -> FolderPath {
    let (root, old) = (account.root, FolderPath(bytes: Array(record.folder.utf8)) ?? .root)
    guard let new = place(of: entry, from: record) else { return old }
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
  fileprivate func hasStatus(of item: ListedMailbox) -> Bool {
    guard let status = item.status else { return false }
    guard let uidValidity, let checkpoint, let uidNext = checkpoint.uidNext, checkpoint.messages > 0 else {
      return false
    }
    return status.uidValidity == uidValidity && status.uidNext == uidNext
      && status.messages.map(Int.init) == checkpoint.messages
  }
  /// Messages may have come and gone since.
  fileprivate func mayHaveBecome(_ item: ListedMailbox) -> Bool {
    guard let uidValidity, let status = item.status, status.uidValidity == uidValidity, let next = status.uidNext else {
      return false
    }
    return checkpoint?.uidNext.map { next >= $0 } ?? true
  }
}
