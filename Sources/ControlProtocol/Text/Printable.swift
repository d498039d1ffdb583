/// Text that may come from a server or another program, made safe to print: control characters, escape sequences'
/// first characters and marks that turn the writing direction become `?`, and it is cut at a length (S27).
package func printable(_ text: String, limit: Int = 300) -> String {
  var result = String.UnicodeScalarView()
  var count = 0
  for scalar in text.unicodeScalars {
    if count == limit {
      result.append(contentsOf: "...".unicodeScalars)
      break
    }
    count += 1
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x2069, 0xFEFF,
      0xFFF9...0xFFFB, 0xE0000...0xE007F:
      result.append("?")
    default: result.append(scalar)
    }
  }
  return String(result)
}
