import CSystemd
import ControlProtocol
import Dispatch
import Glibc
import Locks

/// Tells the service manager how the daemon is (sd_notify(3)); does nothing where none listens.
///
/// ```
/// READY=1
/// STATUS=3 accounts, all current
/// ```
package struct ServiceNotifier: Sendable {
  /// Sends one message of `KEY=VALUE` lines.
  private let send: @Sendable (String) -> Void
  /// Microseconds of CLOCK_MONOTONIC.
  private let monotonicTime: @Sendable () -> UInt64

  package init(
    monotonicTime: @escaping @Sendable () -> UInt64 = Self.systemMonotonicTime,
    send: @escaping @Sendable (String) -> Void = NoticeQueue.send
  ) {
    self.send = send
    self.monotonicTime = monotonicTime
  }

  /// The socket answers and the workers have started, or a reload is over.
  package func ready(status: String) { send("READY=1\n" + Self.line(status)) }

  /// One line for `systemctl status`.
  package func status(_ text: String) { send(Self.line(text)) }

  /// The configuration is read again; `ready` ends it. The manager tells this reload from an earlier one by the time.
  package func reloading() { send("RELOADING=1\nMONOTONIC_USEC=\(monotonicTime())") }

  package func stopping(status: String) { send("STOPPING=1\n" + Self.line(status)) }

  /// The daemon proved alive: due every `watchdogInterval`.
  package func watchdog() { send("WATCHDOG=1") }

  /// A line break in a status would start another assignment; `printable` leaves none.
  private static func line(_ text: String) -> String { "STATUS=" + printable(text) }

  package static func systemMonotonicTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
  }
}

/// Sends notices in their order on a thread of their own: a manager that does not read its socket blocks who sends.
private enum NoticeQueue {
  private static let queue = DispatchQueue(label: "mailmirror.notices")
  private static let waiting = Mutex(0)
  /// Beyond, a manager that reads nothing is told nothing.
  private static let limit = 100

  static let send: @Sendable (String) -> Void = { text in
    let isWelcome = waiting.withLock { waiting in
      guard waiting < limit else { return false }
      waiting += 1
      return true
    }
    guard isWelcome else { return }
    queue.async {
      _ = sd_notify(0, text)
      waiting.withLock { $0 -= 1 }
    }
  }
}
