/// When the server received a message, with the zone it was said in: `17-Jul-1996 02:44:25 -0700` (RFC 3501 section
/// 2.3.3).
package struct InternalDate: Hashable, Sendable {
  /// Since 1970-01-01 00:00:00 UTC; negative before.
  package var seconds: Int64
  /// East of UTC.
  package var zoneMinutes: Int

  package init(seconds: Int64, zoneMinutes: Int = 0) {
    self.seconds = seconds
    self.zoneMinutes = zoneMinutes
  }

  /// Reads a date with a day of one or two digits, with or without a space before it; nil when it is no date.
  package init?(_ bytes: some Collection<UInt8>) {
    let fields = bytes.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
    guard fields.count == 3 || fields.count == 2 else { return nil }
    let date = fields[0].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    let time = fields[1].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard date.count == 3, time.count == 3, let month = Self.month(date[1]),
      let day = Self.number(date[0], digits: 1...2), let year = Self.number(date[2], digits: 4...4),
      let hour = Self.number(time[0], digits: 1...2), let minute = Self.number(time[1], digits: 2...2),
      let second = Self.number(time[2], digits: 2...2),
      (1...Self.days(in: month, of: year)).contains(day), hour < 24, minute < 60, second <= 60
    else { return nil }
    guard let zone = fields.count == 3 ? Self.zone(fields[2]) : 0 else { return nil }
    let wall = Self.daysSince1970(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
    seconds = Int64(wall - zone * 60)
    zoneMinutes = zone
  }

  private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    .map { Array($0.utf8) }

  private static func month(_ bytes: some Collection<UInt8>) -> Int? {
    months.firstIndex(of: bytes.map { $0 | 0x20 }).map { $0 + 1 }
  }

  private static func number(_ bytes: some Collection<UInt8>, digits: ClosedRange<Int>) -> Int? {
    guard digits.contains(bytes.count), bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  private static func zone(_ bytes: some Collection<UInt8>) -> Int? {
    guard let sign = bytes.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
      let value = number(bytes.dropFirst(), digits: 4...4), value % 100 < 60
    else { return nil }
    let minutes = value / 100 * 60 + value % 100
    return sign == UInt8(ascii: "-") ? -minutes : minutes
  }

  private static func days(in month: Int, of year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// Days in the proleptic Gregorian calendar, counted in years that begin in March so that the leap day is the last.
  private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
