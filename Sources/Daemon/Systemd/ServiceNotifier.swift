import CSystemd
import ControlProtocol
import Glibc

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
    send: @escaping @Sendable (String) -> Void = { _ = sd_notify(0, $0) }
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
