import LinuxFiles

/// The two places of a folder where messages lie.
package enum Subdirectory: String, Hashable, Sendable, CaseIterable { case new, cur }

/// One message file that a scan met.
package struct ScanEntry: Hashable, Sendable {
  package let name: FileName
  package let subdirectory: Subdirectory
  /// Nil where the scan was asked for names only.
  package let status: FileStatus?

  package init(name: FileName, subdirectory: Subdirectory, status: FileStatus?) {
    self.name = name
    self.subdirectory = subdirectory
    self.status = status
  }

  package var parsed: MessageFileName { MessageFileName(parsing: name) }
}

/// When and in which state a folder was scanned: what the next round compares to see whether it must read it again.
package struct FolderStamp: Hashable, Sendable {
  package let new: DirectoryStamp
  package let cur: DirectoryStamp
  /// When the scan that belongs to it began.
  package let began: FileTime

  package init(new: DirectoryStamp, cur: DirectoryStamp, began: FileTime) {
    self.new = new
    self.cur = cur
    self.began = began
  }

  /// Whether the file system seems to keep whole seconds.
  var isCoarse: Bool { [new.modified, new.changed, cur.modified, cur.changed].allSatisfy { $0.nanoseconds == 0 } }

  /// Whether the folder need not be read: both directories are as they were at the last complete scan, and that scan
  /// began over 2 s after their times, so that no change could hide within one tick of the file system's clock.
  package func allowsSkipping(now: FolderStamp) -> Bool {
    guard new == now.new, cur == now.cur else { return false }
    let latest = max(new.modified, new.changed, cur.modified, cur.changed)
    return began > latest.adding(seconds: 2)
  }
}
