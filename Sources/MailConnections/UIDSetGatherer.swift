import MailModel

/// Unites the sets of many responses, with a bound on what it holds.
struct UIDSetGatherer {
  private(set) var set = UIDSet()
  /// More ranges came than any mailbox can need.
  private(set) var overflowed = false
  private static let limit = 2_000_000

  mutating func insert(_ range: ClosedRange<UInt32>) {
    guard !overflowed else { return }
    set.insert(range)
    if set.ranges.count > Self.limit {
      overflowed = true
      set = UIDSet()
    }
  }

  mutating func insert(_ other: UIDSet) {
    if set.isEmpty, other.ranges.count <= Self.limit {
      set = other
    } else if let last = set.last, let first = other.first, last < first || other.ranges.count < 16 {
      for range in other.ranges { insert(range) }
    } else if !overflowed {
      set = set.union(other)
      if set.ranges.count > Self.limit {
        overflowed = true
        set = UIDSet()
      }
    }
  }
}
