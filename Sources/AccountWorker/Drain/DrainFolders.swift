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

  /// The files of these base names, wherever they are. A rename while a directory is read can hide a file from it: what
  /// is not seen in the first pass gets a second.
  func find(_ names: Set<[UInt8]>) async throws -> [[UInt8]: [(folder: MaildirFolder, entry: ScanEntry)]] {
    guard !names.isEmpty else { return [:] }
    return try await account.pool.run {
      var found: [[UInt8]: [(folder: MaildirFolder, entry: ScanEntry)]] = [:]
      for _ in 0..<2 where found.count < names.count {
        for folder in try open() {
          try folder.scan(withStatus: true) { entries in
            for entry in entries where names.contains(entry.parsed.base.bytes) {
              found[entry.parsed.base.bytes, default: []].append((folder, entry))
            }
          }
        }
      }
      return found
    }
  }

  /// Whether a file has this content, under whatever name.
  func hasContent(of rows: [MessageRecord]) async throws -> Set<Int64> {
    let bySize = Dictionary(grouping: rows, by: \.diskSize)
    guard !bySize.isEmpty else { return [] }
    return try await account.pool.run {
      var found: Set<Int64> = []
      for folder in try open() {
        try folder.scan(withStatus: true) { entries in
          for entry in entries {
            guard let rows = entry.status.flatMap({ bySize[$0.size] }), let content = try folder.content(of: entry)
            else { continue }
            for row in rows where row.digests == content.digests { found.insert(row.id) }
          }
        }
      }
      return found
    }
  }

  /// What every file is, each made durable: a message that it proves to be here may be deleted on the server.
  func durableFiles(of mailbox: Int64) async throws -> [LocalFile] {
    try await account.pool.run {
      var files: [LocalFile] = []
      for folder in try open() {
        try folder.scan(withStatus: true) { entries in
          for entry in entries {
            guard let status = entry.status, let found = try folder.plainContent(of: entry) else { continue }
            do {
              try folder[entry.subdirectory].openFile(entry.name).sync()
            } catch let error as FileError where error.isMissing {
              continue
            }
            var file = LocalFile(
              mailbox: mailbox, baseName: entry.parsed.base.bytes, fileName: entry.name.bytes,
              isInCur: entry.subdirectory == .cur, stamp: FileStamp(status), digests: found.content.digests,
              plain: found.plain)
            file.traits = found.traits
            files.append(file)
          }
        }
        try folder.syncDirectories(source: false)
      }
      return files
    }
  }
}
