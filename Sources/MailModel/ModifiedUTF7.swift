/// Mailbox names in modified UTF-7 (RFC 3501 section 5.1.3): `Entw&APw-rfe` is `Entwürfe`, `&-` is `&`.
package enum ModifiedUTF7 {
  /// The name in Unicode; nil where the bytes are not modified UTF-7 in its one canonical form, so that decoding can
  /// always be undone by `encode`.
  package static func decode(_ bytes: some Collection<UInt8>) -> String? {
    let bytes = Array(bytes)
    var units: [UInt16] = []
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      guard byte >= 0x20, byte <= 0x7E else { return nil }
      guard byte == UInt8(ascii: "&") else {
        units.append(UInt16(byte))
        index += 1
        continue
      }
      guard let end = bytes[index...].firstIndex(of: UInt8(ascii: "-")) else { return nil }
      if end == index + 1 {
        units.append(UInt16(byte))
      } else {
        guard let decoded = decodeShifted(bytes[(index + 1)..<end]) else { return nil }
        units += decoded
      }
      index = end + 1
    }
    guard let text = String(validating: units, as: UTF16.self), encode(text) == bytes else { return nil }
    return text
  }

  package static func encode(_ text: String) -> [UInt8] {
    var output: [UInt8] = []
    var shifted: [UInt16] = []
    func flush() {
      guard !shifted.isEmpty else { return }
      output.append(UInt8(ascii: "&"))
      output += encodeShifted(shifted)
      output.append(UInt8(ascii: "-"))
      shifted = []
    }
    for unit in text.utf16 {
      if unit >= 0x20, unit <= 0x7E {
        flush()
        output.append(UInt8(unit))
        if unit == UInt16(UInt8(ascii: "&")) { output.append(UInt8(ascii: "-")) }
      } else {
        shifted.append(unit)
      }
    }
    flush()
    return output
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,".utf8)

  private static func encodeShifted(_ units: [UInt16]) -> [UInt8] {
    var output: [UInt8] = []
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for unit in units {
      bits = bits << 16 | UInt32(unit)
      count += 16
      while count >= 6 {
        count -= 6
        output.append(alphabet[Int(bits >> count & 63)])
      }
      bits &= (1 << count) - 1
    }
    if count > 0 { output.append(alphabet[Int(bits << (6 - count) & 63)]) }
    return output
  }

  private static func decodeShifted(_ characters: ArraySlice<UInt8>) -> [UInt16]? {
    var units: [UInt16] = []
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for character in characters {
      guard let value = alphabet.firstIndex(of: character) else { return nil }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 16 {
        count -= 16
        units.append(UInt16(truncatingIfNeeded: bits >> count))
        bits &= (1 << count) - 1
      }
    }
    return bits == 0 && count < 6 ? units : nil
  }
}
