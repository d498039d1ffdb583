/// A set of UIDs kept as sorted, disjoint, non-adjacent ranges, so that `1:4294967295` costs one range (RFC 3501
/// `sequence-set`). Zero is never a member.
package struct UIDSet: Hashable, Sendable {
  package private(set) var ranges: [ClosedRange<UInt32>]

  package init() { ranges = [] }

  /// Ranges in any order, overlapping or not; a lower bound of 0 becomes 1.
  package init(ranges: some Sequence<ClosedRange<UInt32>>) {
    self.ranges = []
    var sorted: [ClosedRange<UInt32>] = []
    for range in ranges where range.upperBound > 0 { sorted.append(Swift.max(range.lowerBound, 1)...range.upperBound) }
    if !zip(sorted, sorted.dropFirst()).allSatisfy({ $0.lowerBound <= $1.lowerBound }) {
      sorted.sort { $0.lowerBound < $1.lowerBound }
    }
    for range in sorted { appendOrMerge(range) }
  }

  package init(_ uids: some Sequence<UID>) { self.init(ranges: uids.lazy.map { $0.value...$0.value }) }

  package var isEmpty: Bool { ranges.isEmpty }
  package var count: Int { ranges.reduce(0) { $0 + Int($1.upperBound - $1.lowerBound) + 1 } }
  package var first: UID? { ranges.first.flatMap { UID($0.lowerBound) } }
  package var last: UID? { ranges.last.flatMap { UID($0.upperBound) } }

  package func contains(_ uid: UID) -> Bool {
    let index = firstRange(endingAtOrAfter: uid.value)
    return index < ranges.count && ranges[index].contains(uid.value)
  }

  package mutating func insert(_ uid: UID) { insert(uid.value...uid.value) }

  package mutating func insert(_ range: ClosedRange<UInt32>) {
    guard range.upperBound > 0 else { return }
    let range = Swift.max(range.lowerBound, 1)...range.upperBound
    if let last = ranges.last, last.lowerBound <= range.lowerBound {
      appendOrMerge(range)
      return
    }
    let start = firstRange(endingAtOrAfter: range.lowerBound == 0 ? 0 : range.lowerBound - 1)
    var end = start
    var lower = range.lowerBound
    var upper = range.upperBound
    while end < ranges.count, UInt64(ranges[end].lowerBound) <= UInt64(upper) + 1 {
      lower = Swift.min(lower, ranges[end].lowerBound)
      upper = Swift.max(upper, ranges[end].upperBound)
      end += 1
    }
    ranges.replaceSubrange(start..<end, with: CollectionOfOne(lower...upper))
  }

  package mutating func remove(_ uid: UID) {
    let index = firstRange(endingAtOrAfter: uid.value)
    guard index < ranges.count, ranges[index].contains(uid.value) else { return }
    let range = ranges[index]
    var pieces: [ClosedRange<UInt32>] = []
    if range.lowerBound < uid.value { pieces.append(range.lowerBound...(uid.value - 1)) }
    if range.upperBound > uid.value { pieces.append((uid.value + 1)...range.upperBound) }
    ranges.replaceSubrange(index...index, with: pieces)
  }

  package func union(_ other: UIDSet) -> UIDSet {
    if isEmpty { return other }
    if other.isEmpty { return self }
    return UIDSet(ranges: (ranges + other.ranges).sorted { $0.lowerBound < $1.lowerBound })
  }

  package func intersection(_ other: UIDSet) -> UIDSet {
    var result: [ClosedRange<UInt32>] = []
    var left = 0
    var right = 0
    while left < ranges.count, right < other.ranges.count {
      let lower = Swift.max(ranges[left].lowerBound, other.ranges[right].lowerBound)
      let upper = Swift.min(ranges[left].upperBound, other.ranges[right].upperBound)
      if lower <= upper { result.append(lower...upper) }
      if ranges[left].upperBound < other.ranges[right].upperBound { left += 1 } else { right += 1 }
    }
    return UIDSet(ranges: result)
  }

  package func subtracting(_ other: UIDSet) -> UIDSet {
    var result: [ClosedRange<UInt32>] = []
    var right = 0
    for range in ranges {
      var lower = UInt64(range.lowerBound)
      while right < other.ranges.count, other.ranges[right].upperBound < range.lowerBound { right += 1 }
      var index = right
      while index < other.ranges.count, other.ranges[index].lowerBound <= range.upperBound {
        let hole = other.ranges[index]
        if UInt64(hole.lowerBound) > lower { result.append(UInt32(lower)...(hole.lowerBound - 1)) }
        lower = Swift.max(lower, UInt64(hole.upperBound) + 1)
        index += 1
      }
      if lower <= UInt64(range.upperBound) { result.append(UInt32(lower)...range.upperBound) }
    }
    return UIDSet(ranges: result)
  }

  /// Splits into sets of at most `size` UIDs, the highest UIDs (the newest messages) first.
  package func batches(of size: Int, newestFirst: Bool = true) -> [UIDSet] {
    precondition(size > 0)
    var result: [UIDSet] = []
    var current: [ClosedRange<UInt32>] = []
    var room = size
    for range in newestFirst ? Array(ranges.reversed()) : ranges {
      var lower = UInt64(range.lowerBound)
      var upper = UInt64(range.upperBound)
      while lower <= upper {
        let taken = Swift.min(UInt64(room), upper - lower + 1)
        if newestFirst {
          current.append(UInt32(upper - taken + 1)...UInt32(upper))
          upper -= taken
        } else {
          current.append(UInt32(lower)...UInt32(lower + taken - 1))
          lower += taken
        }
        room -= Int(taken)
        if room == 0 {
          result.append(UIDSet(ranges: current))
          current = []
          room = size
        }
      }
    }
    if !current.isEmpty { result.append(UIDSet(ranges: current)) }
    return result
  }

  private mutating func appendOrMerge(_ range: ClosedRange<UInt32>) {
    guard let last = ranges.last, UInt64(range.lowerBound) <= UInt64(last.upperBound) + 1 else {
      ranges.append(range)
      return
    }
    ranges[ranges.count - 1] = last.lowerBound...Swift.max(last.upperBound, range.upperBound)
  }

  private func firstRange(endingAtOrAfter value: UInt32) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension UIDSet: CustomStringConvertible {
  /// The set as IMAP writes it: `1:4,7,9:12`; the empty string when empty.
  package var description: String {
    ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound):\($0.upperBound)" }.joined(separator: ",")
  }
}

extension UIDSet: Sequence {
  /// The UIDs in ascending order, made one at a time.
  package func makeIterator() -> Iterator { Iterator(ranges: ranges) }

  package struct Iterator: IteratorProtocol {
    fileprivate let ranges: [ClosedRange<UInt32>]
    fileprivate var index = 0
    fileprivate var offset: UInt32 = 0

    package mutating func next() -> UID? {
      guard index < ranges.count else { return nil }
      let range = ranges[index]
      let value = range.lowerBound + offset
      if value == range.upperBound {
        index += 1
        offset = 0
      } else {
        offset += 1
      }
      return UID(value)
    }
  }
}
