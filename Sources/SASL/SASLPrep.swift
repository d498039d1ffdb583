import Foundation

/// Passwords that look alike made alike, as SCRAM wants them (RFC 4013 sections 2.1 and 2.2).
///
/// What RFC 4013 prohibits (sections 2.3 and 2.4) is left to the server: it refuses such a password in any case, and one
/// that it has accepted all the same goes on working.
enum SASLPrep {
  /// ASCII, and what is no UTF-8, stays as it is.
  static func prepare(_ password: [UInt8]) -> [UInt8] {
    guard password.contains(where: { $0 >= 0x80 }), let text = String(validating: password, as: UTF8.self) else {
      return password
    }
    var mapped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isSpace(scalar.value) { mapped.append(" ") } else if !isNothing(scalar.value) { mapped.append(scalar) }
    }
    return Array(String(mapped).precomposedStringWithCompatibilityMapping.utf8)
  }

  /// RFC 3454 table C.1.2.
  private static func isSpace(_ value: UInt32) -> Bool {
    switch value {
    case 0xA0, 0x1680, 0x2000...0x200B, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// RFC 3454 table B.1.
  private static func isNothing(_ value: UInt32) -> Bool {
    switch value {
    case 0xAD, 0x34F, 0x1806, 0x180B...0x180D, 0x200C, 0x200D, 0x2060, 0xFE00...0xFE0F, 0xFEFF: true
    default: false
    }
  }
}
