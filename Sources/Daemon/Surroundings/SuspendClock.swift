import Glibc

/// Tells by two clocks whether the machine slept: one counts on meanwhile (CLOCK_BOOTTIME), the other stands still
/// (CLOCK_MONOTONIC).
struct SuspendClock {
  /// Seconds of sleep that count; below, a slow machine might read the clocks so far apart.
  private static let least = 1.0

  private let slept: @Sendable () -> Double
  private var last: Double

  /// - Parameter slept: seconds that the machine has slept since it was started.
  init(slept: @escaping @Sendable () -> Double = Self.systemSleep) {
    self.slept = slept
    last = slept()
  }

  /// Whether the machine slept since the last look.
  mutating func hasSlept() -> Bool {
    let before = last
    last = slept()
    return last - before >= Self.least
  }

  static let systemSleep: @Sendable () -> Double = {
    seconds(CLOCK_BOOTTIME) - seconds(CLOCK_MONOTONIC)
  }

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
