import ChildProcesses
import Glibc

/// Reads a file that ought to be small and regular, and says plainly when it isn't.
enum SmallFile {
  struct Content {
    let bytes: [UInt8]
    let mode: mode_t
  }

  enum Fault: Error, Equatable {
    case missing
    case notAFile
    case tooLong
    /// With the system's reason: `Permission denied`.
    case refused(String)
  }

  static func read(_ path: String, limit: Int) -> Result<Content, Fault> {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      return .failure(errno == ENOENT || errno == ENOTDIR ? .missing : .refused(systemReason(errno)))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return .failure(.refused(systemReason(errno))) }
    guard status.st_mode & S_IFMT == S_IFREG else { return .failure(.notAFile) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return .failure(.refused(systemReason(errno))) }
      if count == 0 { return .success(Content(bytes: bytes, mode: status.st_mode)) }
      bytes.append(contentsOf: chunk[..<count])
      if bytes.count > limit { return .failure(.tooLong) }
    }
  }
}
