import Foundation

/// Decodes the encoded words of a header (RFC 2047 section 2): `=?utf-8?Q?K=C3=B6ln?=` is `Köln`.
enum EncodedWords {
  /// What can't be decoded stays as it stands.
  static func decode(_ text: String) -> String {
    var result = ""
    var pending: (bytes: [UInt8], encoding: String.Encoding)?
    var gap = ""
    func flush() {
      guard let (bytes, encoding) = pending else { return }
      result += string(bytes, encoding)
      pending = nil
    }
    var rest = text[...]
    while !rest.isEmpty {
      if let word = Word(startOf: rest) {
        // White space between two encoded words is none (section 6.2), and one character may be cut between them.
        if let before = pending, before.encoding == word.encoding {
          pending = (before.bytes + word.bytes, word.encoding)
        } else {
          if pending == nil { result += gap }
          flush()
          pending = (word.bytes, word.encoding)
        }
        gap = ""
        rest = rest[word.end...]
      } else {
        let character = rest.removeFirst()
        if character.isWhitespace, pending != nil || !gap.isEmpty {
          gap.append(character)
        } else {
          flush()
          result += gap
          gap = ""
          result.append(character)
        }
      }
    }
    flush()
    return result + gap
  }

  private static func string(_ bytes: [UInt8], _ encoding: String.Encoding) -> String {
    encoding == .utf8
      ? String(decoding: bytes, as: UTF8.self) : String(bytes: bytes, encoding: encoding) ?? "?"
  }

  /// One encoded word at the start of a text.
  private struct Word {
    let bytes: [UInt8]
    let encoding: String.Encoding
    let end: String.Index

    init?(startOf text: Substring) {
      guard text.hasPrefix("=?") else { return nil }
      // An encoded word has at most 75 characters; a reader is lenient, and bounded.
      let parts = text.dropFirst(2).prefix(300).split(separator: "?", maxSplits: 3, omittingEmptySubsequences: false)
      guard parts.count == 4, parts[3].hasPrefix("="), !parts[2].contains(where: \.isWhitespace),
        let encoding = Self.encoding(parts[0].prefix { $0 != "*" })
      else { return nil }
      switch parts[1] {
      case "B", "b":
        let padding = String(repeating: "=", count: (4 - parts[2].utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: parts[2] + padding) else { return nil }
        bytes = Array(data)
      case "Q", "q": bytes = Self.unquoted(parts[2])
      default: return nil
      }
      self.encoding = encoding
      end = text.index(after: parts[3].startIndex)
    }

    private static func unquoted(_ text: Substring) -> [UInt8] {
      var bytes: [UInt8] = []
      var rest = Array(text.utf8)[...]
      while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "="), rest.count >= 2,
          let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
        {
          bytes.append(value)
          rest = rest.dropFirst(2)
        } else {
          bytes.append(byte == UInt8(ascii: "_") ? 0x20 : byte)
        }
      }
      return bytes
    }

    private static func encoding(_ name: Substring) -> String.Encoding? {
      switch name.lowercased() {
      case "utf-8", "utf8", "us-ascii": .utf8
      case "iso-8859-1", "latin1": .isoLatin1
      case "iso-8859-2": .isoLatin2
      case "iso-8859-15", "windows-1252", "cp1252": .windowsCP1252
      case "windows-1250": .windowsCP1250
      case "windows-1251": .windowsCP1251
      case "windows-1253": .windowsCP1253
      case "windows-1254", "iso-8859-9": .windowsCP1254
      case "iso-2022-jp": .iso2022JP
      case "shift_jis": .shiftJIS
      case "euc-jp": .japaneseEUC
      default: nil
      }
    }
  }
}
