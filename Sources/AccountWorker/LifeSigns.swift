/// Tells a worker that works from one that hangs: something that it does is counted, and the count goes on.
struct LifeSigns: Sendable {
  /// One piece of work without a sign, the digests of a large folder say, may take long; no piece takes longer.
  static let longest = Duration.seconds(1_800)

  private var signs: UInt64 = 0
  private var last: SuspendingClock.Instant?

  /// - Parameters:
  ///   - isBusy: it has not gone to sleep by itself.
  ///   - signs: a count of whatever it does.
  mutating func proves(isBusy: Bool, signs: UInt64, at now: SuspendingClock.Instant) -> Bool {
    guard isBusy, let last, signs == self.signs else {
      (self.signs, last) = (signs, now)
      return true
    }
    return now - last <= Self.longest
  }
}
