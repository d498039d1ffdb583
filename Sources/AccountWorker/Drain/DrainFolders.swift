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
    return try await account.pool.run {
      var found = Presence()
      for folder in try open() {
        let stoodStill = try folder.readStill {
          try folder.scan(withStatus: true) { entries in
            for entry in entries {
              found.named.formUnion((byName[entry.parsed.base.bytes] ?? []).map(\.id))
              let alike = entry.status.flatMap { bySize[$0.size] } ?? []
              guard alike.contains(where: { !found.withContent.contains($0.id) }),
                let content = try folder.content(of: entry)
              else { continue }
              for row in alike where row.digests == content.digests { found.withContent.insert(row.id) }
            }
          }
          return found.named.union(found.withContent).count == rows.count
        }
        guard stoodStill else { return nil }
      }
      return found
    }
  }

  /// Calls `body` with what every file is, some at a time. When this returns all of them are durable: a message that one
  /// proves to be here may be deleted on the server.
  func forEachDurable(of mailbox: Int64, _ body: ([LocalFile]) async throws -> Void) async throws {
    let folders = try await account.pool.run { try open() }
    folders: for folder in folders {
      var read = SeenNames()
      func note(_ entries: [ScanEntry]) async throws {
        let files = try await account.pool.run { try entries.compactMap { try durable($0, in: folder, of: mailbox) } }
        for file in files { read.insert(file.baseName) }
        try await body(files)
      }
      for try await entries in FolderEntries(folder: folder, pool: account.pool) { try await note(entries) }
      // What was renamed meanwhile, and was not seen or not read, would be fetched a second time.
      for _ in 0..<20 {
        let rest = try await account.pool.run { [read] in try folder.files(besides: read) }
        if rest.isEmpty { continue folders }
        try await note(rest)
      }
      throw MaildirError.restless(path: folder.cur.path)
    }
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
