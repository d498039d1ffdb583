import CLinux
import Glibc

/// One event as the kernel queued it (inotify(7)): `struct inotify_event`, then its name padded with NULs.
struct InotifyEvent: Hashable, Sendable {
  let watch: Int32
  let mask: UInt32
  /// Nil where the event is about the watched directory itself.
  let name: FileName?

  func has(_ bits: Int32) -> Bool { mask & UInt32(bitPattern: bits) != 0 }

  private static let headerSize = 16

  /// The events that one read gave; the kernel never gives half of one.
  static func parse(_ bytes: UnsafeRawBufferPointer) -> [InotifyEvent] {
    var events: [InotifyEvent] = []
    var start = 0
    while start + headerSize <= bytes.count {
      let length = Int(bytes.loadUnaligned(fromByteOffset: start + 12, as: UInt32.self))
      let end = start + headerSize + length
      guard end <= bytes.count else { break }
      events.append(
        InotifyEvent(
          watch: bytes.loadUnaligned(fromByteOffset: start, as: Int32.self),
          mask: bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self),
          name: FileName(bytes: bytes[(start + headerSize)..<end].prefix { $0 != 0 })))
      start = end
    }
    return events
  }
}

/// The kernel's side of directory watches: an inotify descriptor, which somebody else reads and closes.
struct Inotify: Sendable {
  let descriptor: Int32

  /// Fails with EMFILE where the user has as many instances as `fs.inotify.max_user_instances` allows.
  init() throws {
    descriptor = try retrying("inotify_init", "") { inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }
  }

  private static let wanted = UInt32(
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

  /// Watches the very directory that is open, whatever its path is by now. The same inode has the same number, however
  /// often it is added. Fails with ENOSPC where `fs.inotify.max_user_watches` allows no more.
  func add(_ directory: DirectoryHandle) throws -> Int32 {
    try retrying("watch", directory.path) {
      inotify_add_watch(descriptor, "/proc/self/fd/\(directory.descriptor)", Self.wanted)
    }
  }

  func remove(_ watch: Int32) { inotify_rm_watch(descriptor, watch) }
}
