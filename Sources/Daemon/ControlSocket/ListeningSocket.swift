import ControlProtocol
import Glibc
import LinuxFiles

/// Why the control socket can't be opened.
package struct ControlSocketError: Error, Equatable, Sendable, CustomStringConvertible {
  package let path: String
  package let what: String
  package let remedy: String

  package var description: String { "\(path): \(what); \(remedy)" }
}

/// The daemon's own socket in the file system. Whoever can connect owns the daemon's answers, so the socket's mode is
/// 0600 before anybody can: a Unix socket's file is created by `bind` with the mode of the descriptor, and nobody gets
/// through before `listen`. All of it blocks.
struct ListeningSocket {
  let path: String
  let descriptor: Int32
  private let identity: FileIdentity

  /// How many connections wait for being accepted; a client that does not wait is refused beyond (connect(2), EAGAIN).
  static let backlog: Int32 = 1_024

  /// Makes the directory where it is missing, takes the place of a socket that nobody answers at any more, and
  /// refuses anything else that stands there.
  static func open(at path: String) throws(ControlSocketError) -> ListeningSocket {
    guard let address = SocketAddress(path: path) else {
      throw ControlSocketError(
        path: path, what: "the path has \(path.utf8.count) octets, and a socket's can have \(SocketAddress.pathLimit)",
        remedy: "name a shorter one with the key socket")
    }
    let directory = try Directory(of: path)
    defer { directory.close() }
    try clear(path, address)
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw failure(path, "socket") }
    var isDone = false
    defer { if !isDone { close(descriptor) } }
    guard fchmod(descriptor, 0o600) == 0 else { throw failure(path, "fchmod") }
    guard address.withPointer({ bind(descriptor, $0, $1) }) == 0 else { throw failure(path, "bind") }
    // A umask can only have taken rights of the owner's away.
    guard let made = status(path), made.st_mode & S_IFMT == S_IFSOCK, made.st_uid == geteuid() else {
      throw ControlSocketError(path: path, what: "something took its place", remedy: "look who writes there")
    }
    if made.st_mode & 0o777 != 0o600, chmod(path, 0o600) != 0 { throw failure(path, "chmod") }
    guard listen(descriptor, backlog) == 0 else {
      let error = failure(path, "listen")
      unlink(path)
      throw error
    }
    isDone = true
    return ListeningSocket(path: path, descriptor: descriptor, identity: Self.identity(made))
  }

  /// Takes the socket away, if it is still this one.
  func remove() {
    guard let now = Self.status(path), Self.identity(now) == identity else { return }
    unlink(path)
  }

  private static func clear(_ path: String, _ address: SocketAddress) throws(ControlSocketError) {
    guard let there = status(path) else {
      guard errno == ENOENT else { throw failure(path, "lstat") }
      return
    }
    guard there.st_mode & S_IFMT == S_IFSOCK else {
      let kind = there.st_mode & S_IFMT == S_IFLNK ? "a symbolic link" : "something that is no socket"
      throw ControlSocketError(
        path: path, what: "\(kind) is in the socket's place", remedy: "look what it is, and move it away")
    }
    guard there.st_uid == geteuid() else {
      throw ControlSocketError(
        path: path, what: "the socket belongs to user \(there.st_uid)", remedy: "name another place with the key socket"
      )
    }
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard probe >= 0 else { throw failure(path, "socket") }
    defer { close(probe) }
    if address.withPointer({ connect(probe, $0, $1) }) == 0 || errno == EAGAIN {
      let owner = PeerCredentials(descriptor: probe).flatMap { $0.process > 0 ? "process \($0.process)" : nil }
      throw ControlSocketError(
        path: path, what: "\(owner ?? "a daemon") answers there already",
        remedy: "stop it first, or name another place with the key socket")
    }
    guard errno == ECONNREFUSED || errno == ENOENT else { throw failure(path, "connect") }
    guard unlink(path) == 0 || errno == ENOENT else { throw failure(path, "unlink") }
  }

  private static func status(_ path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 ? status : nil
  }

  private static func identity(_ status: stat) -> FileIdentity {
    FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  fileprivate static func failure(_ path: String, _ call: String) -> ControlSocketError {
    let code = errno
    return ControlSocketError(
      path: path, what: "\(call): \(String(cString: strerror(code)))",
      remedy: code == EACCES || code == EROFS
        ? "give yourself the right to write there, or name another place with the key socket"
        : "name another place with the key socket")
  }
}

/// The socket's directory, held so that of two daemons that start at once one finds the other's socket.
private struct Directory {
  private let descriptor: Int32

  init(of path: String) throws(ControlSocketError) {
    let end = path.lastIndex(of: "/") ?? path.startIndex
    let directory = end == path.startIndex ? "/" : String(path[..<end])
    try Self.make(directory, for: path)
    let opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw ListeningSocket.failure(path, "open") }
    for _ in 0..<50 {
      if flock(opened, LOCK_EX | LOCK_NB) == 0 {
        descriptor = opened
        return
      }
      usleep(20_000)
    }
    Glibc.close(opened)
    throw ControlSocketError(
      path: path, what: "another process holds its directory", remedy: "see whether two daemons start at once")
  }

  func close() { Glibc.close(descriptor) }

  /// Missing directories get mode 0700, whatever the umask.
  private static func make(_ directory: String, for path: String) throws(ControlSocketError) {
    if mkdir(directory, 0o700) != 0 {
      if errno == EEXIST { return }
      guard errno == ENOENT, let end = directory.lastIndex(of: "/"), end != directory.startIndex else {
        throw ListeningSocket.failure(path, "mkdir")
      }
      try make(String(directory[..<end]), for: path)
      guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw ListeningSocket.failure(path, "mkdir") }
    }
    guard chmod(directory, 0o700) == 0 else { throw ListeningSocket.failure(path, "chmod") }
  }
}
