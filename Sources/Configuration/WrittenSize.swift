/// A size as a configuration writes it: `"50MB"`, `"800kB"`, `"1GB"`, `"4096"`.
enum WrittenSize {
  private static let units: [(name: String, octets: Int64)] = [
    ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("b", 1),
  ]

  /// Nil for anything else.
  static func octets(_ text: String) -> Int64? {
    let text = text.asciiLowercased()
    let unit = units.first { text.hasSuffix($0.name) }
    let digits = text.dropLast(unit?.name.count ?? 0)
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(digits)
    else { return nil }
    let (octets, overflow) = number.multipliedReportingOverflow(by: unit?.octets ?? 1)
    return overflow ? nil : octets
  }
}
