import LinuxFiles

/// Reads the message files of `new/` and `cur/`, in this order, a batch at a time. A message that another program moves
/// or renames meanwhile may come twice or not at all, so absence from one pass says nothing. Ignored: dotfiles, and all
/// that is no regular file. For one task at a time.
package final class FolderReader {
  private let folder: MaildirFolder
  private let withStatus: Bool
  private var rest: [Subdirectory] = [.new, .cur]
  private var current: (subdirectory: Subdirectory, reader: DirectoryReader)?

  package init(_ folder: MaildirFolder, withStatus: Bool) {
    self.folder = folder
    self.withStatus = withStatus
  }

  /// At most `size` files, possibly none; nil at the end.
  package func next(_ size: Int = 512) throws -> [ScanEntry]? {
    if current == nil {
      guard !rest.isEmpty else { return nil }
      let subdirectory = rest.removeFirst()
      current = (subdirectory, try DirectoryReader(folder[subdirectory]))
    }
    guard let (subdirectory, reader) = current else { return nil }
    let entries = try reader.next(size)
    if entries.isEmpty { current = nil }
    return try entries.compactMap { try message($0, in: subdirectory) }
  }

  private func message(_ entry: DirectoryEntry, in subdirectory: Subdirectory) throws -> ScanEntry? {
    guard !entry.name.startsWithDot, entry.kind == nil || entry.kind == .regular else { return nil }
    guard withStatus || entry.kind == nil else {
      return ScanEntry(name: entry.name, subdirectory: subdirectory, status: nil)
    }
    guard let status = try folder[subdirectory].status(of: entry.name), status.kind == .regular else { return nil }
    return ScanEntry(name: entry.name, subdirectory: subdirectory, status: withStatus ? status : nil)
  }
}
