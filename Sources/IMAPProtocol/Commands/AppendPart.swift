import MailModel

/// What comes before one message's octets in APPEND: `(\\Seen) "17-Jul-1996 02:44:25 -0700" {310}` (RFC 3501 section
/// 6.3.11).
package struct AppendPart: Hashable, Sendable {
  package var flags: FlagSet
  package var internalDate: InternalDate?
  package var size: UInt64

  package init(flags: FlagSet, internalDate: InternalDate?, size: UInt64) {
    self.flags = flags
    self.internalDate = internalDate
    self.size = size
  }

  /// Whether the server must answer `+` before the octets may go out (RFC 7888).
  package func waitsForContinuation(_ capabilities: CapabilitySet) -> Bool {
    !capabilities.hasLiteralPlus && !(capabilities.hasLiteralMinus && size <= 4_096)
  }

  /// With the line end that comes before the octets; begins with a space.
  package func encoded(_ capabilities: CapabilitySet) -> String {
    var text = " "
    if !flags.isEmpty { text += "(" + flags.wireNames.filter(Self.isFlag).joined(separator: " ") + ") " }
    if let internalDate { text += "\"\(internalDate.wireText)\" " }
    return text + "{\(size)\(waitsForContinuation(capabilities) ? "" : "+")}\r\n"
  }

  /// A keyword from a file may be anything; only atoms can be sent.
  static func isFlag(_ name: String) -> Bool {
    let atom = name.hasPrefix("\\") ? name.dropFirst() : Substring(name)
    return !atom.isEmpty && atom.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"(){%*\"\\]".utf8.contains($0) }
  }
}

extension InternalDate {
  /// `17-Jul-1996 02:44:25 -0700`; years before 1 and after 9999 become their nearest end.
  package var wireText: String {
    let local = min(max(seconds, -62_135_596_800), 253_402_300_799) + Int64(zoneMinutes) * 60
    let (day, rest) = local.flooredQuotient(by: 86_400)
    let (year, month, date) = Self.civil(day)
    func two(_ value: Int) -> String { (value < 10 ? "0" : "") + String(value) }
    let digits = String(max(1, min(year, 9_999)))
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let zone = abs(zoneMinutes)
    return
      "\(date < 10 ? " " : "")\(date)-\(names[month - 1])-\(String(repeating: "0", count: 4 - digits.count))\(digits) "
      + "\(two(rest / 3_600)):\(two(rest / 60 % 60)):\(two(rest % 60)) \(zoneMinutes < 0 ? "-" : "+")"
      + two(zone / 60) + two(zone % 60)
  }

  /// Year, month and day of a day since 1970-01-01 in the Gregorian calendar.
  private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }
}

extension Int64 {
  fileprivate func flooredQuotient(by divisor: Int64) -> (quotient: Int, remainder: Int) {
    let quotient = self >= 0 ? self / divisor : -((divisor - 1 - self) / divisor)
    return (Int(quotient), Int(self - quotient * divisor))
  }
}
