import CLinux
import Glibc

/// One entry that readdir gave.
package struct DirectoryEntry: Hashable, Sendable {
  package let name: FileName
  /// Nil where the file system doesn't say without a stat.
  package let kind: FileStatus.Kind?
}

extension DirectoryHandle {
  /// Reads the entries but `.` and `..` as a stream, at most `size` at a time; a directory of any size is never
  /// gathered. Entries that come, go or are renamed meanwhile may be seen twice or not at all (readdir(3)).
  package func forEachBatch(of size: Int = 512, _ body: ([DirectoryEntry]) throws -> Void) throws {
    // A descriptor of its own, since the position of a directory stream is that of its open file.
    let own = try retrying("open", path) { mm_openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
    guard let stream = fdopendir(own) else {
      let code = errno
      close(own)
      throw FileError("read the directory", path, code)
    }
    defer { closedir(stream) }
    var batch: [DirectoryEntry] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        let code = errno
        if code != 0 { throw FileError("read the directory", path, code) }
        break
      }
      guard let listed = DirectoryEntry(entry) else { continue }
      batch.append(listed)
      if batch.count >= max(size, 1) {
        try body(batch)
        batch.removeAll(keepingCapacity: true)
      }
    }
    if !batch.isEmpty { try body(batch) }
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
