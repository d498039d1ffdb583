/// Tells a loop that works from one that hangs: it waits for something on purpose, or what it does is counted, and the
/// count goes on.
struct LifeSigns: Sendable {
  /// What one piece of work without a sign may take: a file system that writes out gigabytes of others before ours, one
  /// change of a large state.
  static let longest = Duration.seconds(900)

  private var signs: UInt64 = 0
  private var last: SuspendingClock.Instant?

  /// - Parameters:
  ///   - isWaiting: for what need not come yet.
  ///   - signs: a count of whatever it does.
  mutating func proves(isWaiting: Bool, signs: UInt64, at now: SuspendingClock.Instant) -> Bool {
    guard !isWaiting, let last, signs == self.signs else {
      (self.signs, last) = (signs, now)
      return true
    }
    return now - last <= Self.longest
  }
}
