/// One line of an answer to LIST or UIDL, or the text of the answer to one of them with a number (RFC 1939 sections 5
/// and 7).
///
///     S: 1 120
///     S: 2 QhdPYR:00WBw1Ph7x7
package struct ListingLine {
  /// From 1 to `largestNumber`.
  package let number: Int
  /// What stands behind the number, without blanks around it; empty where there is nothing. It lives as long as the line.
  package let rest: UnsafeRawBufferPointer

  /// More messages than this in a maildrop are not looked at.
  package static let largestNumber = 1_000_000

  /// Nil for a line that names no message.
  package init?(_ line: UnsafeRawBufferPointer) {
    let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    let text = line.drop(while: isBlank)
    let digits = text.prefix { !isBlank($0) }
    guard let number = UInt64(decimal: digits), (1...UInt64(Self.largestNumber)).contains(number) else { return nil }
    self.number = Int(number)
    var rest = text.dropFirst(digits.count).drop(while: isBlank)
    while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
    self.rest = UnsafeRawBufferPointer(rebasing: rest)
  }

  /// The size that LIST tells, in octets; servers may say more behind it.
  package var size: UInt64? { UInt64(decimal: rest.prefix { $0 != UInt8(ascii: " ") }) }
}
