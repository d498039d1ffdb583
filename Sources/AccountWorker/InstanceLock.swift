import Glibc
import LinuxFiles

/// One process at a time does a thing: an exclusive flock(2) on a lock file, which goes with the process.
final class InstanceLock: Sendable {
  private let descriptor: Int32

  /// Throws `SyncFailure` with the holder's process id where another process has it.
  /// - Parameters:
  ///   - location: what is locked, for a person.
  ///   - doing: what the holder does: `works on this account`.
  init(path: String, location: String, doing: String) throws {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw FileError("open", path, errno) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      var buffer = [UInt8](repeating: 0, count: 32)
      let count = pread(descriptor, &buffer, buffer.count, 0)
      close(descriptor)
      let holder = String(decoding: buffer.prefix(max(count, 0)).prefix { $0 != 0x0A }, as: UTF8.self)
      throw SyncFailure(
        scope: .account, retry: .later, location: location,
        what: "another mailmirror\(holder.isEmpty ? "" : " (process \(holder))") \(doing)",
        remedy: "wait for it, or end it")
    }
    let text = Array("\(getpid())\n".utf8)
    _ = ftruncate(descriptor, 0)
    _ = pwrite(descriptor, text, text.count, 0)
    self.descriptor = descriptor
  }

  /// Lets the next one in now: a thread that is done with it may hold on to this object a moment longer.
  func release() { flock(descriptor, LOCK_UN) }

  deinit { close(descriptor) }
}

/// One daemon at a time runs with a state directory.
package final class DaemonLock: Sendable {
  private let lock: InstanceLock

  /// Makes the directory where it is missing. Blocks: for the start of the process.
  package init(stateDirectory: String) throws(SyncFailure) {
    do {
      try AccountOpening.makeDirectories(stateDirectory)
      lock = try InstanceLock(
        path: stateDirectory + "/daemon.lock", location: stateDirectory, doing: "runs as the daemon of this state")
    } catch {
      throw SyncFailure(error, account: stateDirectory, location: stateDirectory)
    }
  }
}
