import LinuxFiles
import MailModel
import Maildir
import SyncState

/// All folders of an account's Maildir. What was drained is the person's, who files it where they like.
struct DrainFolders: Sendable {
  let account: OpenAccount

  /// Blocks: for the disk threads.
  /// - Parameter doubt: called with the path of what may be a folder, but can't be read as one.
  private func open(doubt: (String) -> Void = { _ in }) throws -> [MaildirFolder] {
    let (root, layout) = (account.root, account.settings.layout)
    var paths = try layout.folders(in: root, doubt: doubt).map(\.path)
    if layout == .maildirPlusPlus { paths.insert(.root, at: 0) }
    return try paths.compactMap { path in
      do {
        return try MaildirFolder.open(in: root, at: path)
      } catch MaildirError.folderMissing(let path) {
        doubt(path)
        return nil
      }
    }
  }

  /// The path of something that may be a folder with mail, but can't be read as one: nothing is gone while there is one.
  func doubtful() async throws -> String? {
    try await account.pool.run {
      var doubtful: String?
      _ = try open { doubtful = doubtful ?? $0 }
      return doubtful
    }
  }

  /// Calls `body` with the files of all folders, some at a time.
  func forEach(_ body: (MaildirFolder, [ScanEntry]) async throws -> Void) async throws {
    for folder in try await account.pool.run({ try open() }) {
      for try await entries in FolderEntries(folder: folder, pool: account.pool) where !entries.isEmpty {
        try await body(folder, entries)
      }
    }
  }

  /// Adds the rows whose base names a file has.
  func look(_ seen: SeenRows) async throws {
    try await forEach { _, entries in
      let rows = try await account.state.messages(baseNames: entries.map { $0.parsed.base.bytes })
      for row in rows.joined() { seen.insert(row.id) }
    }
  }

  /// Which rows a folder has a file of.
  struct Presence: Sendable {
    /// By the base name.
    var named: Set<Int64> = []
    /// By the content, under whatever name.
    var withContent: Set<Int64> = []
  }

  /// Reads each folder while it stands still; nil where one does not for long enough to say.
  func presence(of rows: [MessageRecord]) async throws -> Presence? {
    guard !rows.isEmpty else { return Presence() }
    let byName = Dictionary(grouping: rows, by: \.baseName)
    let bySize = Dictionary(grouping: rows, by: \.diskSize)
    var found = Presence()
    for folder in try await account.pool.run({ try open() }) {
      try Task.checkCancellation()
      let known = found
      let here = try await account.pool.run { () -> Presence? in
        var found = known
        // What was read in one pass is as it was in the next, but for files that came.
        var read: Set<FileStamp> = []
        let stoodStill = try folder.readStill {
          try folder.scan(withStatus: true) { entries in
            for entry in entries {
              found.named.formUnion((byName[entry.parsed.base.bytes] ?? []).map(\.id))
              guard let status = entry.status, let alike = bySize[status.size],
                alike.contains(where: { !found.withContent.contains($0.id) }), !read.contains(FileStamp(status))
              else { continue }
              guard let digests = try digests(of: entry, in: folder) else { continue }
              read.insert(FileStamp(status))
              for row in alike where digests == .unreadable || digests == .read(row.digests) {
                found.withContent.insert(row.id)
              }
            }
          }
          return found.named.union(found.withContent).count == rows.count
        }
        return stoodStill ? found : nil
      }
      guard let here else { return nil }
      found = here
    }
    return found
  }

  private enum Reading: Equatable {
    case read(MessageDigests)
    /// May be any message of its size.
    case unreadable
  }

  private func digests(of entry: ScanEntry, in folder: MaildirFolder) throws -> Reading? {
    do {
      return try folder.content(of: entry).map { .read($0.digests) }
    } catch let error as FileError where error.isRefused {
      return .unreadable
    }
  }

  /// Calls `body` with what every file is, some at a time. When this returns all of them are durable: a message that one
  /// proves to be here may be deleted on the server.
  func forEachDurable(of mailbox: Int64, _ body: ([LocalFile]) async throws -> Void) async throws {
    let folders = try await account.pool.run { try open() }
    var read = SeenNames()
    func note(_ entries: [ScanEntry], in folder: MaildirFolder) async throws {
      let files = try await account.pool.run { try entries.compactMap { try durable($0, in: folder, of: mailbox) } }
      for file in files { read.insert(file.baseName) }
      try await body(files)
    }
    for folder in folders {
      for try await entries in FolderEntries(folder: folder, pool: account.pool) { try await note(entries, in: folder) }
    }
    // What was renamed or filed elsewhere meanwhile, and was not seen or not read, would be fetched a second time.
    var isWhole = false
    for _ in 0..<20 where !isWhole {
      isWhole = true
      for folder in folders {
        let rest = try await account.pool.run { [read] in try folder.files(besides: read) }
        isWhole = isWhole && rest.isEmpty
        try await note(rest, in: folder)
      }
    }
    guard isWhole else { throw MaildirError.restless(path: account.root.path) }
    try await account.pool.run { for folder in folders { try folder.syncDirectories(source: false) } }
  }

  private func durable(_ entry: ScanEntry, in folder: MaildirFolder, of mailbox: Int64) throws -> LocalFile? {
    guard let status = entry.status, let found = try folder.plainContent(of: entry) else { return nil }
    do {
      try folder[entry.subdirectory].openFile(entry.name).sync()
    } catch let error as FileError where error.isMissing {
      return nil
    }
    var file = LocalFile(
      mailbox: mailbox, baseName: entry.parsed.base.bytes, fileName: entry.name.bytes,
      isInCur: entry.subdirectory == .cur, stamp: FileStamp(status), digests: found.content.digests,
      plain: found.plain)
    file.traits = found.traits
    return file
  }
}
