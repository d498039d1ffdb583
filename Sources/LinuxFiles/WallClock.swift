import Glibc
import Locks

/// A point in time as file systems and `clock_gettime` have it.
package struct FileTime: Hashable, Comparable, Sendable {
  package let seconds: Int64
  package let nanoseconds: Int32

  package init(seconds: Int64, nanoseconds: Int32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  init(_ time: timespec) {
    self.init(seconds: Int64(time.tv_sec), nanoseconds: Int32(truncatingIfNeeded: time.tv_nsec))
  }

  package static func < (left: FileTime, right: FileTime) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }

  /// This time moved by whole seconds; stays at the end of time rather than passing it.
  package func adding(seconds: Int64) -> FileTime {
    let (sum, overflow) = self.seconds.addingReportingOverflow(seconds)
    return FileTime(seconds: overflow ? (seconds > 0 ? .max : .min) : sum, nanoseconds: nanoseconds)
  }
}

/// The time of day, which comes in from outside so that a test can drive it.
package struct WallClock: Sendable {
  private let read: @Sendable () -> FileTime

  package init(_ read: @escaping @Sendable () -> FileTime) { self.read = read }

  package func now() -> FileTime { read() }

  package static let system = WallClock {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return FileTime(time)
  }
}

/// A clock that moves only when told.
package final class ManualClock: Sendable {
  private let time: Mutex<FileTime>

  package init(_ start: FileTime) { time = Mutex(start) }

  package var clock: WallClock { WallClock { self.time.withLock { $0 } } }

  package func advance(seconds: Int64) { time.withLock { $0 = $0.adding(seconds: seconds) } }
  package func set(_ new: FileTime) { time.withLock { $0 = new } }
}
