import CLinux
import Glibc

/// Repeats a call that a signal interrupted; throws what else it fails with.
func retrying(_ operation: String, _ path: @autoclosure () -> String, _ call: () -> Int32) throws -> Int32 {
  while true {
    let result = call()
    if result >= 0 { return result }
    let code = errno
    if code != EINTR { throw FileError(operation, path(), code) }
  }
}

/// An open regular file; closed with its last reference.
package final class OpenFile: Sendable {
  package let descriptor: Int32
  /// For messages only.
  package let path: String

  init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { close(descriptor) }

  package func status() throws -> FileStatus {
    var status = stat()
    _ = try retrying("stat", path) { fstat(descriptor, &status) }
    return FileStatus(status)
  }

  /// Writes all of the bytes at the file's position.
  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    try Step.pass(.write, path: path)
    var rest = bytes
    while rest.count > 0 {
      let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if written < 0 {
        let code = errno
        if code == EINTR { continue }
        throw FileError("write", path, code)
      }
      if written == 0 { throw FileError("write", path, ENOSPC) }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Reads from the start to the end in pieces, each given to `body`; the file is never gathered.
  package func readAll(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let size = 128 * 1024
    try withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { buffer in
      var offset: Int64 = 0
      while true {
        let count = pread(descriptor, buffer.baseAddress, size, off_t(offset))
        if count < 0 {
          let code = errno
          if code == EINTR { continue }
          throw FileError("read", path, code)
        }
        if count == 0 { return }
        Pulse.beat()
        try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        offset += Int64(count)
      }
    }
  }

  /// The whole of a small file; nil where it is larger than `limit`.
  package func contents(limit: Int) throws -> [UInt8]? {
    var result: [UInt8] = []
    var isTooLarge = false
    try readAll { piece in
      if isTooLarge || piece.count > limit - result.count { isTooLarge = true } else { result += piece }
    }
    return isTooLarge ? nil : result
  }

  /// Starts writing the file out without waiting; a hint, so its errors are left to `sync`.
  package func startWriteback() { _ = mm_start_writeback(descriptor) }

  /// Makes content, size and times durable.
  package func sync() throws {
    try Step.pass(.syncFile, path: path)
    _ = try retrying("fsync", path) { fsync(descriptor) }
  }

  /// Sets the modification time, which a rename keeps.
  package func setModificationTime(seconds: Int64) throws {
    try Step.pass(.setTime, path: path)
    let times = [timespec(tv_sec: 0, tv_nsec: Int(mm_utime_omit)), timespec(tv_sec: Int(seconds), tv_nsec: 0)]
    _ = try retrying("set the time", path) { futimens(descriptor, times) }
  }
}

extension OpenFile {
  /// Reads at most `size` bytes at an offset and gives them to `body`; returns their number, 0 at the end.
  package func read(at offset: Int64, upTo size: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Int {
    try withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { buffer in
      while true {
        let count = pread(descriptor, buffer.baseAddress, size, off_t(offset))
        if count >= 0 {
          try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
          return count
        }
        if errno != EINTR { throw FileError("read", path, errno) }
      }
    }
  }
}
