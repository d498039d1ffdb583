/// Text of the server made fit for logs, sockets and terminals.
package enum ServerText {
  /// Half of what a line of ours may have, so that the remedy behind it is never cut off.
  package static let maxCharacters = 500

  /// Bad UTF-8 is replaced, control and direction characters are removed, and what is too long is cut.
  @inlinable package static func sanitized(_ bytes: some Collection<UInt8>) -> String {
    sanitized(head: Array(bytes.prefix(maxCharacters * 4)))
  }

  @usableFromInline static func sanitized(head: [UInt8]) -> String {
    if head.count <= maxCharacters, head.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) {
      return String(decoding: head, as: UTF8.self)
    }
    var result = String.UnicodeScalarView()
    var count = 0
    for scalar in String(decoding: head, as: UTF8.self).unicodeScalars where isHarmless(scalar) {
      result.append(scalar)
      count += 1
      if count == maxCharacters { break }
    }
    return String(result)
  }

  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x200B...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF, 0xFFF9...0xFFFB: false
    case 0xE0000...0xE007F: false
    default: true
    }
  }
}
