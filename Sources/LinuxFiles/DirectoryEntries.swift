import CLinux
import Glibc

/// One entry that readdir gave.
package struct DirectoryEntry: Hashable, Sendable {
  package let name: FileName
  /// Nil where the file system doesn't say without a stat.
  package let kind: FileStatus.Kind?
}

/// Reads a directory's entries but `.` and `..` a batch at a time, so that one of any size is never gathered. Entries
/// that come, go or are renamed meanwhile may be seen twice or not at all (readdir(3)). For one task at a time.
package final class DirectoryReader {
  private let stream: OpaquePointer
  private let path: String

  package init(_ directory: DirectoryHandle) throws {
    // A descriptor of its own, since the position of a directory stream is that of its open file.
    let own = try retrying("open", directory.path) {
      mm_openat(directory.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    }
    guard let stream = fdopendir(own) else {
      let code = errno
      close(own)
      throw FileError("read the directory", directory.path, code)
    }
    self.stream = stream
    path = directory.path
  }

  deinit { closedir(stream) }

  /// At most `size` entries; empty at the end.
  package func next(_ size: Int) throws -> [DirectoryEntry] {
    var batch: [DirectoryEntry] = []
    Pulse.beat()
    while batch.count < max(size, 1) {
      errno = 0
      guard let entry = readdir(stream) else {
        let code = errno
        if code != 0 { throw FileError("read the directory", path, code) }
        break
      }
      if let listed = DirectoryEntry(entry) { batch.append(listed) }
    }
    return batch
  }
}

extension DirectoryHandle {
  package func isEmpty() throws -> Bool { try DirectoryReader(self).next(1).isEmpty }

  /// Gives all entries to `body`, at most `size` at a time.
  package func forEachBatch(of size: Int = 512, _ body: ([DirectoryEntry]) throws -> Void) throws {
    let reader = try DirectoryReader(self)
    while true {
      let batch = try reader.next(size)
      if batch.isEmpty { return }
      try body(batch)
    }
  }
}

extension DirectoryEntry {
  /// Nil for `.` and `..`.
  fileprivate init?(_ entry: UnsafeMutablePointer<dirent>) {
    let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 19
    let start = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
    let bytes = UnsafeRawBufferPointer(start: start, count: strlen(start))
    guard let name = FileName(bytes: bytes) else { return nil }
    self.name = name
    kind =
      switch Int(entry.pointee.d_type) {
      case Int(DT_UNKNOWN): nil
      case Int(DT_REG): .regular
      case Int(DT_DIR): .directory
      case Int(DT_LNK): .symbolicLink
      default: .other
      }
  }
}
