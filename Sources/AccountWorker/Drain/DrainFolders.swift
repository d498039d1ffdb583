import LinuxFiles
import MailModel
import Maildir
import SyncState

/// All folders of an account's Maildir. What was drained is the person's, who files it where they like.
struct DrainFolders: Sendable {
  let account: OpenAccount

  /// Blocks: for the disk threads.
  private func open() throws -> [MaildirFolder] {
    let (root, layout) = (account.root, account.settings.layout)
    var paths = try layout.folders(in: root).map(\.path)
    if layout == .maildirPlusPlus { paths.insert(.root, at: 0) }
    return try paths.compactMap { path in
      do {
        return try MaildirFolder.open(in: root, at: path)
      } catch MaildirError.folderMissing {
        return nil
      }
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

  /// Those of the rows of which no folder has a file, by name or by content, each folder read while it stands still.
  /// Nil where one does not stand still for long enough to say.
  func absent(_ rows: [MessageRecord]) async throws -> [MessageRecord]? {
    guard !rows.isEmpty else { return [] }
    let byName = Dictionary(grouping: rows, by: \.baseName)
    let bySize = Dictionary(grouping: rows, by: \.diskSize)
    return try await account.pool.run {
      var found: Set<Int64> = []
      for folder in try open() {
        let stoodStill = try folder.readStill {
          try folder.scan(withStatus: true) { entries in
            for entry in entries {
              found.formUnion((byName[entry.parsed.base.bytes] ?? []).map(\.id))
              guard let rows = entry.status.flatMap({ bySize[$0.size] })?.filter({ !found.contains($0.id) }),
                !rows.isEmpty, let content = try folder.content(of: entry)
              else { continue }
              for row in rows where row.digests == content.digests { found.insert(row.id) }
            }
          }
          return found.count == rows.count
        }
        guard stoodStill else { return nil }
      }
      return rows.filter { !found.contains($0.id) }
    }
  }

  /// Calls `body` with what every file is, some at a time. When this returns all of them are durable: a message that one
  /// proves to be here may be deleted on the server.
  func forEachDurable(of mailbox: Int64, _ body: ([LocalFile]) async throws -> Void) async throws {
    try await forEach { folder, entries in
      try await body(
        try await account.pool.run { try entries.compactMap { try durable($0, in: folder, of: mailbox) } })
    }
    try await account.pool.run { for folder in try open() { try folder.syncDirectories(source: false) } }
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
