import MailModel

// Sets of numbers, which stay ranges: `41,43:116,118` (RFC 3501 section 9, `sequence-set`).
extension Cursor {
  /// A set; 0 and `*` are refused, which no response may hold. `ascending` refuses one that doesn't ascend: where two
  /// sets are paired by position the order means something that a `UIDSet` would lose.
  mutating func numberSet(ascending: Bool = false) throws(Unreadable) -> UIDSet {
    var ranges = RangeCollector()
    repeat {
      let first = try nonZero32()
      let second = skip(UInt8(ascii: ":")) ? try nonZero32() : first
      if ascending {
        guard first <= second, ranges.last.map({ $0.upperBound < first }) ?? true else { throw Unreadable() }
      }
      ranges.append(Swift.min(first, second)...Swift.max(first, second))
    } while skip(UInt8(ascii: ","))
    return ranges.set
  }

  /// `2 5 9` up to a parenthesis or the end. A 0, which names nothing, is left out.
  mutating func numberList() throws(Unreadable) -> UIDSet {
    var ranges = RangeCollector()
    while true {
      skipSpaces()
      guard let byte = peek, byte != .openParenthesis else { return ranges.set }
      let number = try number32()
      if number != 0 { ranges.append(number...number) }
      guard peek == nil || peek == .space || peek == .openParenthesis else { throw Unreadable() }
    }
  }
}

/// Joins neighbours as they come, so that an ascending list of a whole mailbox takes little room.
private struct RangeCollector {
  private var ranges: [ClosedRange<UInt32>] = []

  var last: ClosedRange<UInt32>? { ranges.last }
  var set: UIDSet { UIDSet(ranges: ranges) }

  mutating func append(_ range: ClosedRange<UInt32>) {
    if let last = ranges.last, last.upperBound &+ 1 == range.lowerBound, range.lowerBound != 0 {
      ranges[ranges.count - 1] = last.lowerBound...range.upperBound
    } else {
      ranges.append(range)
    }
  }
}
