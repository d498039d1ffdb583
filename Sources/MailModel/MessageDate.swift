#if canImport(Glibc)
  import Glibc
#endif

/// The date that a message says it was sent at: `Date: Fri, 21 Nov 1997 09:55:06 -0600` (RFC 5322 section 3.3), with
/// the older forms that mail still has: years of two digits, zones by name, comments behind (section 4.3).
package struct MessageDate: Hashable, Sendable {
  /// Since 1970-01-01 00:00:00 UTC.
  package var seconds: Int64
  /// East of UTC.
  package var zoneMinutes: Int

  /// Reads the field's value, unfolded or not; nil for what is no date.
  package init?(_ value: some Collection<UInt8>) {
    var words = value.prefix(200).split { $0 <= 0x20 || $0 == UInt8(ascii: ",") }.map { Array($0) }
    if let first = words.first, first.first.map({ !Self.isDigit($0) }) ?? true { words.removeFirst() }
    guard words.count >= 4, let day = Self.number(words[0], 1...2), let month = Self.month(words[1]),
      let year = Self.year(words[2]), (1...Self.days(in: month, of: year)).contains(day)
    else { return nil }
    let time = words[3].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard time.count == 2 || time.count == 3, let hour = Self.number(time[0], 1...2),
      let minute = Self.number(time[1], 1...2), let second = time.count == 3 ? Self.number(time[2], 1...2) : 0,
      hour < 24, minute < 60, second <= 60
    else { return nil }
    zoneMinutes = words.count > 4 ? Self.zone(words[4]) : 0
    let wall = Self.daysSince1970(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
    seconds = Int64(wall - zoneMinutes * 60)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func number(_ bytes: some Collection<UInt8>, _ digits: ClosedRange<Int>) -> Int? {
    guard digits.contains(bytes.count), bytes.allSatisfy(isDigit) else { return nil }
    return bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    .map { Array($0.utf8) }

  private static func month(_ bytes: [UInt8]) -> Int? {
    months.firstIndex(of: bytes.prefix(3).map { $0 | 0x20 }).map { $0 + 1 }
  }

  /// RFC 5322 section 4.3: 00 to 49 are of this century, other years of two or three digits of the last.
  private static func year(_ bytes: [UInt8]) -> Int? {
    guard let year = number(bytes, 2...4) else { return nil }
    if bytes.count == 2, year < 50 { return 2_000 + year }
    return bytes.count < 4 ? 1_900 + year : year
  }

  /// A zone that is not known counts as UTC, as RFC 5322 section 4.3 wants it.
  private static func zone(_ bytes: [UInt8]) -> Int {
    if let sign = bytes.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
      let value = number(bytes.dropFirst(), 4...4), value % 100 < 60
    {
      let minutes = value / 100 * 60 + value % 100
      return sign == UInt8(ascii: "-") ? -minutes : minutes
    }
    let hours = ["EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7]
    return (hours[String(decoding: bytes, as: UTF8.self)] ?? 0) * 60
  }

  private static func days(in month: Int, of year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// In years that begin in March, so that the leap day is the last.
  private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}

/// Finds the first Date field in a message that comes in pieces, LF line ends, without keeping more than its line.
package struct DateFieldFinder: Sendable {
  private var line: [UInt8] = []
  private var value: [UInt8]?
  private var seen = 0
  private var isOver = false
  private static let headerLimit = 256 << 10
  private static let lineLimit = 256
  private static let name = Array("date:".utf8)

  package init() {}

  /// Nothing that comes can change the answer.
  package var isDone: Bool { isOver }

  package mutating func receive(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    var start = 0
    while start < bytes.count, !isOver {
      let lineFeed = memchr(base + start, 0x0A, bytes.count - start)
      let end = lineFeed.map { $0 - UnsafeMutableRawPointer(mutating: base) } ?? bytes.count
      line += bytes[start..<min(end, start + Self.lineLimit - line.count)]
      if lineFeed != nil { endLine() }
      let next = lineFeed == nil ? end : end + 1
      seen += next - start
      if seen > Self.headerLimit { isOver = true }
      start = next
    }
  }

  private mutating func endLine() {
    defer { line.removeAll(keepingCapacity: true) }
    if let first = line.first, first == 0x20 || first == 0x09 {
      value? += line
      return
    }
    // The line behind the field shows that no more of it comes.
    if value != nil || line.isEmpty {
      isOver = true
    } else if line.count > Self.name.count, line.prefix(Self.name.count).map({ $0 | 0x20 }) == Self.name {
      value = Array(line.dropFirst(Self.name.count))
    }
  }

  package var date: MessageDate? { value.flatMap { MessageDate($0) } }
}
