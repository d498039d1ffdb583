import Glibc
import LinuxFiles

extension MaildirFolder {
  /// Streams the message files of `new/` and `cur/` as `FolderReader` gives them, at most `size` at a time.
  package func scan(
    withStatus: Bool, batch size: Int = 512, _ body: ([ScanEntry]) throws -> Void
  ) throws {
    let reader = FolderReader(self, withStatus: withStatus)
    while let entries = try reader.next(size) { if !entries.isEmpty { try body(entries) } }
  }

  /// Reads a message's content; nil where the file is not there any more.
  package func content(of entry: ScanEntry) throws -> MessageContent? {
    do {
      return try MessageContent.reading(self[entry.subdirectory].openFile(entry.name))
    } catch let error as FileError where error.isMissing {
      return nil
    }
  }

  /// Removes files of `tmp/` that nobody has touched for 36 hours (as the Maildir specification has it). By the change
  /// time, since the modification time is the message's date.
  package func removeLeftovers(
    clock: WallClock, keeping isWanted: (FileName) -> Bool = { _ in false }
  ) throws -> [FileName] {
    let limit = clock.now().adding(seconds: -36 * 3600)
    var removed: [FileName] = []
    try tmp.forEachBatch { entries in
      for entry in entries where !entry.name.startsWithDot && !isWanted(entry.name) {
        guard let status = try tmp.status(of: entry.name), status.kind == .regular else { continue }
        if status.changed < limit, status.modified < limit, try tmp.unlink(entry.name, label: "leftover") {
          removed.append(entry.name)
        }
      }
    }
    return removed
  }
}
