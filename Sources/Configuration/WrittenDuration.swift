/// A duration as a configuration writes it: `"10s"`, `"5m"`, `"12h"`, `"30d"`, `"0"`.
enum WrittenDuration {
  private static let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86400]

  /// Nil for anything else, and for more than 100 years.
  static func seconds(_ text: String) -> Int? {
    if text == "0" { return 0 }
    guard let last = text.last, let unit = units[last] else { return nil }
    let digits = text.dropLast()
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits)
    else { return nil }
    let (seconds, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow || seconds > 100 * 366 * 86400 ? nil : seconds
  }
}
