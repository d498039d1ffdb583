import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// Finds out what people and their programs did with folders as a whole: made, renamed or removed them. Comes before
/// mailboxes are linked, so that what is done on the server is listed then.
struct FolderSurvey: Sendable {
  struct Result: Sendable {
    var notices: [SyncFailure] = []
    /// The listing that it was given is no longer the server's.
    var hasChangedServer = false
  }

  let account: OpenAccount
  let connection: IMAPConnection
  /// Where rounds are under way meanwhile.
  var queue: WorkQueue?

  private var state: AccountState { account.state }
  private var settings: AccountSettings { account.settings }
  var isTwoWay: Bool { settings.policy.direction == .twoWay }

  func run(_ listing: [ListedMailbox]) async throws -> Result {
    var result = Result()
    var names = ServerNames(listing, facts: connection.facts)
    guard names.isComplete, let folders = try await localFolders() else { return result }
    try await followMissing(folders, &names, &result)
    try await makeMailboxes(folders, &names, &result)
    try await FolderRemoval(survey: self).finish(&names, &result)
    return result
  }

  /// All folders, where the root is the account's own.
  func localFolders() async throws -> [FoundFolder]? {
    let (root, layout, marker, watch) = (account.root, settings.layout, state.identity.marker, account.folderWatch)
    return try await account.pool.run {
      guard case .marker(let found) = try RootMarker.read(in: root), found.id == marker else { return nil }
      guard let watch else { return try layout.folders(in: root) }
      return try watch.followTree { try layout.folders(in: root, visit: $0) }
    }
  }

  // MARK: Folders that are not where they were

  private func followMissing(
    _ folders: [FoundFolder], _ names: inout ServerNames, _ result: inout Result
  ) async throws {
    let removal = FolderRemoval(survey: self)
    let records = try await state.mailboxes()
    let there = try await present(records)
    // Parents first: their renaming takes the others along.
    for known in records where !there.contains(known.id) || known.removal == .held {
      // What was done for another one may have changed it.
      guard let record = try await state.mailbox(known.id), !record.name.isInbox else { continue }
      if try await present([record]).contains(record.id) {
        if record.removal == .held { try await removal.folderIsThere(record, folders, &result) }
        continue
      }
      let taken = Set(try await state.mailboxes().map(\.folder))
      if let place = try await renamed(record, among: folders.filter { !taken.contains($0.path.stored) }) {
        try await FolderRenaming(survey: self).follow(record, to: place.path, &names, &result)
        continue
      }
      guard isTwoWay else { continue }
      try await removal.folderIsGone(record, names, &result)
    }
  }

  /// Those whose folder's place is taken.
  func present(_ records: [MailboxRecord]) async throws -> Set<Int64> {
    let (root, layout) = (account.root, settings.layout)
    return try await account.pool.run {
      var present: Set<Int64> = []
      for record in records {
        let path = FolderPath(bytes: Array(record.folder.utf8))
        if try path.map({ try layout.hasFolder(at: $0, in: root) }) ?? true { present.insert(record.id) }
      }
      return present
    }
  }

  /// The folder that this one has become: it has the same `cur/`, and one of its files at least. An inode alone may
  /// have been given to another directory since.
  func renamed(_ record: MailboxRecord, among folders: [FoundFolder]) async throws -> FoundFolder? {
    guard let cur = record.scan?.cur else { return nil }
    let candidates = folders.filter {
      $0.cur.device == UInt64(bitPattern: cur.device) && $0.cur.inode == UInt64(bitPattern: cur.inode)
    }
    guard candidates.count == 1, let candidate = candidates.first else { return nil }
    guard try await state.settledCount(of: record.id) > 0 else { return candidate }
    let root = account.root
    let entries = try await account.pool.run { () -> [ScanEntry] in
      let reader = FolderReader(try MaildirFolder.open(in: root, at: candidate.path), withStatus: true)
      var entries: [ScanEntry] = []
      while let batch = try reader.next(), entries.count < 2_000 { entries += batch }
      return entries
    }
    for (entry, rows) in zip(entries, try await state.messages(baseNames: entries.map(\.parsed.base.bytes))) {
      let inode = entry.status.map { FileStamp($0).inode }
      if rows.contains(where: { $0.mailbox == record.id && $0.stamp?.inode == inode }) { return candidate }
    }
    return nil
  }

  // MARK: New folders

  private static let patience: Int64 = 3_600
  /// When a folder that the person has to decide about is tried again; seconds since 1970.
  private static let never: Int64 = 1 << 50
  private static let wasHere = "it was here when the state was made for mail that was here"

  /// A folder that was made here, or was here before its state, and the mailbox that it is meant to be.
  struct NewFolder: Sendable {
    enum Decision: Sendable {
      case make
      /// While mail that was here is matched with the server none is made.
      case matched
      /// The person has to decide.
      case ask
      /// The server has refused it lately.
      case later
    }

    let path: FolderPath
    let name: MailboxName
    let decision: Decision
  }

  func newFolders(_ folders: [FoundFolder], _ names: ServerNames) async throws -> [NewFolder] {
    guard isTwoWay, settings.createOnServer else { return [] }
    let records = try await state.mailboxes()
    let taken = Set(records.map(\.folder))
    let linked = Set(records.map(\.name))
    let known = Set(records.lazy.filter { $0.removal == .none }.compactMap { $0.scan?.cur.inode })
    let refused = try await state.refusedFolders()
    let isMatching = try await state.rebuilding().isUnderWay
    return folders.filter { !taken.contains($0.path.stored) }.compactMap { folder in
      guard let name = names.name(for: folder.path, settings), !name.isInbox, !names.has(name), !linked.contains(name),
        !known.contains(Int64(bitPattern: folder.cur.inode)), names.selects(name, settings.selection)
      else { return nil }
      let last = refused[folder.path.stored]
      let decision: NewFolder.Decision =
        if isMatching { .matched } else if last == Self.never {
          .ask
        } else if let last,
          account.now() - last < Self.patience
        { .later } else { .make }
      return NewFolder(path: folder.path, name: name, decision: decision)
    }
  }

  /// Makes mailboxes for folders that were made here. They are linked when the server lists them.
  private func makeMailboxes(
    _ folders: [FoundFolder], _ names: inout ServerNames, _ result: inout Result
  ) async throws {
    guard isTwoWay, settings.createOnServer else { return }
    let taken = Set(try await state.mailboxes().map(\.folder))
    try await state.acceptFolders(
      try await state.refusedFolders().keys.filter { key in
        taken.contains(key) || !folders.contains { $0.path.stored == key }
      })
    for folder in try await newFolders(folders, names) {
      switch folder.decision {
      case .matched: try await state.refuseFolder(folder.path.stored, reason: Self.wasHere, now: Self.never)
      case .ask: result.notices.append(waiting(folder.path, folder.name))
      case .later: break
      case .make: try await make(folder, &names, &result)
      }
    }
  }

  private func make(_ folder: NewFolder, _ names: inout ServerNames, _ result: inout Result) async throws {
    let (path, name) = (folder.path, folder.name)
    // The one before it may have been made by the same name.
    guard !names.has(name) else { return }
    if let text = try await connection.create(name), text.code != .alreadyExists {
      try await state.refuseFolder(path.stored, reason: text.text, now: account.now())
      result.notices.append(
        SyncFailure(
          scope: .mailbox, retry: .later, location: "\(settings.name)/\(name)",
          what: "the server did not make a mailbox for the folder \(path): \(text.text)",
          remedy: "its mail stays here only; it is tried again in an hour"))
      return
    }
    _ = try await connection.subscribe(name)
    try await state.acceptFolders([path.stored])
    account.logger.notice("\(settings.name)/\(name): made on the server for the folder \(path)")
    names.insert(name)
    result.hasChangedServer = true
  }
}

extension FolderSurvey {
  /// Mail that a lost state, or another program, left in a folder that the server has no mailbox for: it may have been
  /// deleted there, or this is another server.
  func waiting(_ path: FolderPath, _ name: MailboxName) -> SyncFailure {
    var notice = SyncFailure(
      scope: .mailbox, retry: .never, location: "\(settings.name)/\(name)",
      what:
        "the folder \(path) was here before its state, and the server has no such mailbox; its mail stays here only",
      remedy: "rename the folder, or make the mailbox on the server, to have it sent there")
    notice.isHold = true
    return notice
  }
}

extension FolderPath {
  /// As rows have it.
  var stored: String { String(decoding: bytes, as: UTF8.self) }
}
