import LinuxFiles
import MailModel

/// One level of a mailbox's name as part of a folder's name, and back.
///
/// Escapes: `%2E` stands for a byte that a folder's name cannot hold there; `%_` is an empty level; `%=` begins a level
/// whose wire bytes are no modified UTF-7 in canonical form, all of them kept. A `%` in a name stays as it is, unless
/// what follows would make it an escape: then it becomes `%25`. So plain names look as they do in other programs.
///
///     wire             maildir++        fs
///     Entw&APw-rfe     Entw&APw-rfe     Entwürfe
///     v1.0             v1%2E0           v1.0
///     ..               %2E%2E           %2E.
///     cur              cur              %63ur
///     100% done        100% done        100% done
///     caf\xE9          %=caf%E9         %=caf%E9
enum FolderComponent {
  private static let percent = UInt8(ascii: "%")
  private static let dot = UInt8(ascii: ".")

  static func encode(_ wire: ArraySlice<UInt8>, for layout: FolderLayout) -> [UInt8] {
    guard !wire.isEmpty else { return Array("%_".utf8) }
    guard let text = ModifiedUTF7.decode(wire) else { return encodeRaw(wire) }
    let bytes = layout == .fs ? Array(text.utf8) : Array(wire)
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    let escapesFirst = mustEscapeFirst(bytes, for: layout)
    for (index, byte) in bytes.enumerated() {
      let isBad =
        byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "/") || (layout == .maildirPlusPlus && byte == dot)
      if isBad || (index == 0 && escapesFirst) || (byte == percent && looksLikeEscape(bytes[index...], at: index)) {
        output += escape(byte)
      } else {
        output.append(byte)
      }
    }
    return output
  }

  /// Nil where the bytes can be no encoded level. Accepts more than `encode` gives; the caller encodes again to see.
  static func decode(_ name: ArraySlice<UInt8>, for layout: FolderLayout) -> [UInt8]? {
    if name.elementsEqual("%_".utf8) { return [] }
    guard !name.isEmpty else { return nil }
    if name.starts(with: "%=".utf8) { return unescape(name.dropFirst(2)) }
    let bytes = unescape(name)
    guard layout == .fs else { return bytes }
    return String(validating: bytes, as: UTF8.self).map(ModifiedUTF7.encode)
  }

  /// The levels of a maildir++ folder as one name. `.mailmirror` alone is the root marker's.
  static func dotted(_ parts: [[UInt8]]) -> [UInt8] {
    var parts = parts
    if parts.count == 1, lower(parts[0]) == "mailmirror" {
      parts[0] = escape(parts[0][0]) + parts[0].dropFirst()
    }
    return parts.flatMap { [dot] + $0 }
  }

  private static func encodeRaw(_ wire: ArraySlice<UInt8>) -> [UInt8] {
    let special = Array("%&./~".utf8)
    return Array("%=".utf8)
      + wire.flatMap { (0x20...0x7E).contains($0) && !special.contains($0) ? [$0] : escape($0) }
  }

  /// Names that mean something to a Maildir reader at that place lose their first byte to an escape.
  private static func mustEscapeFirst(_ bytes: [UInt8], for layout: FolderLayout) -> Bool {
    guard let first = bytes.first else { return false }
    if first == UInt8(ascii: "~") { return true }
    guard layout == .fs else { return false }
    if first == dot { return true }
    let lower = lower(bytes)
    return ["cur", "new", "tmp", "maildirfolder", "subscriptions"].contains(lower)
      || lower.hasPrefix("dovecot-") || lower.hasPrefix("dovecot.")
  }

  private static func looksLikeEscape(_ rest: ArraySlice<UInt8>, at index: Int) -> Bool {
    let next = rest.dropFirst().prefix(2)
    if next.count == 2, next.allSatisfy({ hexValue($0) != nil }) { return true }
    guard index == 0, let following = next.first else { return false }
    return following == UInt8(ascii: "=") || (following == UInt8(ascii: "_") && rest.count == 2)
  }

  private static func unescape(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      let next = rest.prefix(2)
      if byte == percent, next.count == 2, let high = next.first.flatMap(hexValue),
        let low = next.last.flatMap(hexValue)
      {
        output.append(high << 4 | low)
        rest = rest.dropFirst(2)
      } else {
        output.append(byte)
      }
    }
    return output
  }

  private static func escape(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return [percent, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    default: nil
    }
  }

  private static func lower(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self).asciiLowercased() }
}
