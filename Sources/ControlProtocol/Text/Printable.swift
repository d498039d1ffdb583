/// Text that may come from a server or another program, made safe to print: control characters, escape sequences'
/// first characters and marks that turn the writing direction become `?`, and it is cut at a length (S27).
package func printable(_ text: String, limit: Int = 300) -> String {
  var result = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if result.count >= limit {
      result.append(contentsOf: "...".unicodeScalars)
      break
    }
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069, 0x200E, 0x200F: result.append("?")
    default: result.append(scalar)
    }
  }
  return String(result)
}
