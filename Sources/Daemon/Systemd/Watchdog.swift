import CSystemd

package enum Watchdog {
  /// How often `WATCHDOG=1` is due: half of the unit's `WatchdogSec=`, as sd_watchdog_enabled(3) advises. Nil where no
  /// manager watches this process.
  package static func interval() -> Duration? {
    var microseconds: UInt64 = 0
    guard sd_watchdog_enabled(0, &microseconds) > 0, microseconds > 0 else { return nil }
    return .microseconds(Int64(clamping: microseconds / 2))
  }
}
