import Glibc
import LinuxFiles
import Locks

/// A lock file as Dovecot makes it, so that both programs keep out of each other's way: a file of its own that holds
/// `PID:HOST`, linked to the lock's name, which fails where somebody has it.
///
/// A lock is stale, and may be removed, when its process ran on this host and is gone, or when neither it nor the file
/// that it protects has changed for two minutes. The wait for it is bounded.
struct Dotlock: ~Copyable {
  static let staleAfter: Int64 = 120

  private let directory: DirectoryHandle
  private let name: FileName
  private let identity: FileIdentity

  /// Locks of this process, which its own number in a lock file doesn't tell from those of a dead one.
  private static let held = Mutex<Set<FileIdentity>>([])

  /// Nil where another program held the lock all the time that was given.
  static func acquire(
    _ name: FileName, protecting file: FileName, in directory: DirectoryHandle, clock: WallClock, milliseconds: Int
  ) throws -> Dotlock? {
    let host = Dotlock.hostName()
    let own = FileName(".temp.\(host).\(getpid()).\(RandomName.hexadecimal(digits: 16))") ?? ".temp"
    let temporary = try directory.createFile(own)
    defer { _ = try? directory.unlink(own) }
    try Array("\(getpid()):\(host)".utf8).withUnsafeBytes { try temporary.write($0) }
    // A lock that a power cut leaves behind must say whose it was, or everybody waits for it to grow old.
    try temporary.sync()
    let identity = try temporary.status().identity
    // Before the link, so that no other thread of this process takes a lock that it has just made for a dead one's.
    Dotlock.held.withLock { _ = $0.insert(identity) }
    var isLocked = false
    defer { if !isLocked { Dotlock.held.withLock { _ = $0.remove(identity) } } }
    for _ in 0...max(milliseconds / 50, 0) {
      do {
        try directory.link(own, to: directory, as: name, label: "lock")
        isLocked = true
        return Dotlock(directory: directory, name: name, identity: identity)
      } catch let error as FileError where error.code == EEXIST {
        try Dotlock.removeIfStale(name, protecting: file, in: directory, host: host, clock: clock)
      }
      usleep(50_000)
    }
    return nil
  }

  /// Gives the lock up, unless somebody took it over meanwhile.
  consuming func release() throws {
    let identity = identity
    defer { Dotlock.held.withLock { _ = $0.remove(identity) } }
    if try directory.status(of: name)?.identity == identity { try directory.unlink(name, label: "lock") }
  }

  private static func removeIfStale(
    _ name: FileName, protecting file: FileName, in directory: DirectoryHandle, host: String, clock: WallClock
  ) throws {
    guard let lock = try directory.status(of: name) else { return }
    let isStale: Bool
    if let process = try owner(of: name, in: directory, host: host) {
      isStale =
        process == getpid() ? !held.withLock { $0.contains(lock.identity) } : kill(process, 0) != 0 && errno == ESRCH
    } else {
      var latest = max(lock.changed, lock.modified)
      if let protected = try directory.status(of: file) { latest = max(latest, protected.changed, protected.modified) }
      isStale = latest.adding(seconds: staleAfter) < clock.now()
    }
    // Asked again: meanwhile it may have been given up and taken by somebody who is alive.
    if isStale, try directory.status(of: name) == lock { try directory.unlink(name, label: "stale lock") }
  }

  /// The process that holds the lock, where the file says so and it is one of this host.
  private static func owner(of name: FileName, in directory: DirectoryHandle, host: String) throws -> pid_t? {
    guard let file = try? directory.openFile(name), let bytes = try file.contents(limit: 512) else { return nil }
    let text = String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    guard let colon = text.firstIndex(of: ":"), text[text.index(after: colon)...] == host else { return nil }
    return pid_t(text[..<colon]).flatMap { $0 > 0 ? $0 : nil }
  }

  private static func hostName() -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let failed = buffer.withUnsafeMutableBytes { buffer in
      buffer.bindMemory(to: CChar.self).baseAddress.map { gethostname($0, 255) } != 0
    }
    let name = String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
    return failed || name.isEmpty || name.contains("/") ? "localhost" : name
  }
}
