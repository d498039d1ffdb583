import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// A mailbox that the server lists and the configuration selects, with its row.
struct LinkedMailbox: Sendable {
  var record: MailboxRecord
  var listed: ListedMailbox
}

/// Links the server's mailboxes with folders. A row made once is what links them from then on; a mailbox that is not
/// listed any more keeps its folder and its mail.
struct MailboxLinking: Sendable {
  struct Result: Sendable {
    var linked: [LinkedMailbox] = []
    var notices: [SyncFailure] = []
    /// For a dry run: folders that are to be made.
    var plans: [FolderPlan] = []
  }

  let account: OpenAccount
  let isDryRun: Bool
  /// Of the namespace that is the person's own; folders may be named without it.
  var prefix: [UInt8] = []

  private var settings: AccountSettings { account.settings }

  func run(_ listing: [ListedMailbox]) async throws -> Result {
    var result = Result()
    let records = try await account.state.mailboxes()
    var byName = Dictionary(records.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var twins = FolderTwins()
    for record in records { if let path = FolderPath(bytes: Array(record.folder.utf8)) { try? twins.claim(path) } }
    // On its way out: it is no new mailbox, and its old name no longer it.
    let leaving = Set(records.compactMap(\.privateName))
    let isComplete = listing.contains { $0.entry.name.isInbox && $0.entry.isSelectable }
    var seen: Set<MailboxName> = leaving
    for listed in listing where seen.insert(listed.entry.name).inserted && isSelected(listed) {
      let name = listed.entry.name
      if let record = byName.removeValue(forKey: name) {
        var record = record
        if record.unlisted > 0, !isDryRun {
          try await account.state.setListedAgain(record.id)
          record = try await account.state.mailbox(record.id) ?? record
        }
        result.linked.append(LinkedMailbox(record: record, listed: listed))
        continue
      }
      do {
        let path = try await place(of: listed.entry, taken: Set(records.map(\.folder)))
        try claim(path, in: &twins)
        guard !records.contains(where: { $0.folder == path.stored }) else { throw FolderNameProblem.twin(of: path) }
        if try await make(path) { result.plans.append(.makeFolder(for: name, at: path.stored)) }
        let record = try await account.state.addMailbox(
          name, delimiter: listed.entry.delimiter, folder: String(decoding: path.bytes, as: UTF8.self))
        result.linked.append(LinkedMailbox(record: record, listed: listed))
      } catch let problem as FolderNameProblem {
        result.notices.append(skipped(name, problem.description))
      } catch let problem as UnsafeName {
        result.notices.append(skipped(name, problem.description))
      }
    }
    // Every account has an INBOX: a listing without one is not whole.
    for record in byName.values where isComplete && record.privateName == nil && !account.pointsElsewhere {
      let entry = listing.first { $0.entry.name == record.name }
      guard entry?.entry.isSelectable != true else { continue }
      if !isDryRun { try await account.state.setUnlisted(record.id, record.unlisted + 1) }
      account.logger.notice("\(settings.name)/\(record.name): not listed by the server any more")
    }
    result.linked.sort { $0.record.name.isInbox || (!$1.record.name.isInbox && $0.record.folder < $1.record.folder) }
    return result
  }

  /// Makes a mailbox's folder. A dry run makes one that is missing elsewhere: true then.
  private func make(_ path: FolderPath) async throws -> Bool {
    let (root, layout, folders) = (account.root, settings.layout, account.rehearsal?.folders)
    return try await account.pool.run {
      guard let folders else {
        _ = try MaildirFolder.create(in: root, at: path, layout: layout)
        return false
      }
      if (try? MaildirFolder.open(in: root, at: path)) != nil { return false }
      _ = try MaildirFolder.create(in: folders, at: path, layout: layout)
      return true
    }
  }

  /// Two names that a file system may take for one are refused only where it does: on ext4 `Work` and `work` are two.
  private func claim(_ path: FolderPath, in twins: inout FolderTwins) throws {
    do {
      try twins.claim(path)
    } catch {
      guard case .twin(let other) = error else { throw error }
      let identities = [path, other].map { place in
        (try? place.components.reduce(account.root) { try $0.openDirectory($1) })
          .flatMap { try? $0.status().identity }
      }
      guard identities[0] == nil || identities[0] != identities[1] else { throw FolderNameProblem.twin(of: other) }
    }
  }

  private func isSelected(_ listed: ListedMailbox) -> Bool {
    let entry = listed.entry
    guard entry.isSelectable else { return false }
    if settings.selection.subscribedOnly, !listed.isSubscribed, !entry.name.isInbox { return false }
    let delimiter = entry.delimiter.map { Character(UnicodeScalar($0)) }
    return settings.selection.selects(entry.name, delimiter)
  }

  /// The layout's folder; or one that was made here without the prefix of its mailbox; or, while mail that was here is
  /// matched, the one that another program made.
  private func place(of entry: ListEntry, taken: Set<String>) async throws -> FolderPath {
    let usual = try folder(for: entry)
    guard settings.folderNames[entry.name.description] == nil else { return usual }
    let (root, layout) = (account.root, settings.layout)
    if try await account.state.rebuilding().isUnderWay {
      let folders = AdoptedFolders(root: root, layout: layout)
      return try await account.pool.run {
        folders.folder(of: entry.name, delimiter: entry.delimiter, usual: usual, taken: taken) ?? usual
      }
    }
    guard !prefix.isEmpty, entry.name.wire.count > prefix.count, entry.name.wire.starts(with: prefix),
      let short = try? layout.folder(
        for: MailboxName(wire: entry.name.wire.dropFirst(prefix.count)), separator: entry.delimiter,
        rootLength: settings.root.utf8.count), !taken.contains(short.stored)
    else { return usual }
    return try await account.pool.run {
      try layout.hasFolder(at: short, in: root) && !layout.hasFolder(at: usual, in: root) ? short : usual
    }
  }

  private func folder(for entry: ListEntry) throws -> FolderPath {
    let (layout, length) = (settings.layout, settings.root.utf8.count)
    if let mapped = settings.folderNames[entry.name.description] {
      return try layout.folder(for: MailboxName(mapped), separator: UInt8(ascii: "/"), rootLength: length)
    }
    try UnsafeName.check(entry.name, isFlat: entry.delimiter == nil)
    return try layout.folder(for: entry.name, separator: entry.delimiter, rootLength: length)
  }

  private func skipped(_ name: MailboxName, _ problem: String) -> SyncFailure {
    let parts = problem.split(separator: ";", maxSplits: 1).map { $0.trimmingPrefix(while: { $0 == " " }) }
    return SyncFailure(
      scope: .mailbox, retry: .never, location: "\(settings.name)/\(name)",
      what: "the mailbox is not mirrored: \(parts.first ?? "")",
      remedy: parts.count > 1 ? String(parts[1]) : "rename it on the server, or give it another name with map")
  }
}

/// A mailbox name that looks like a way out of the mail directory, or that no command can carry.
struct UnsafeName: Error, CustomStringConvertible {
  let description: String

  static func check(_ name: MailboxName, isFlat: Bool) throws {
    if name.wire.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      throw UnsafeName(description: "its name holds a control character; rename it on the server")
    }
    guard !isFlat else { return }
    let parts = name.wire.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    if parts.contains(where: { $0.elementsEqual("..".utf8) || $0.elementsEqual(".".utf8) })
      || name.wire.first == UInt8(ascii: "/")
    {
      throw UnsafeName(
        description: "its name looks like a path out of the mail directory; rename it, or give it another name with map"
      )
    }
  }
}
