import Glibc

/// What the kernel allows a user of inotify (inotify(7), /proc/sys/fs/inotify).
package struct InotifyLimits: Hashable, Sendable {
  package let watches: Int
  package let instances: Int
  package let queuedEvents: Int

  /// Nil where the kernel does not say.
  package static func read() -> InotifyLimits? {
    func number(_ name: FileName) -> Int? {
      guard let directory = try? DirectoryHandle.open(path: "/proc/sys/fs/inotify"),
        let text = try? directory.openFile(name).contents(limit: 64)
      else { return nil }
      return Int(String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
    guard let watches = number("max_user_watches"), let instances = number("max_user_instances"),
      let queued = number("max_queued_events")
    else { return nil }
    return InotifyLimits(watches: watches, instances: instances, queuedEvents: queued)
  }
}
