/// A mailbox's name on the server: its bytes exactly as the server sent them, which is what commands must use, with
/// `INBOX` in any case taken as one name (RFC 3501 section 5.1).
package struct MailboxName: Hashable, Sendable {
  package let wire: [UInt8]

  package init(wire: some Sequence<UInt8>) {
    let bytes = Array(wire)
    let isInbox = bytes.count == 5 && String(decoding: bytes, as: UTF8.self).asciiLowercased() == "inbox"
    self.wire = isInbox ? Array("INBOX".utf8) : bytes
  }

  /// The name that a person writes, in modified UTF-7.
  package init(_ text: String) { self.init(wire: ModifiedUTF7.encode(text)) }

  package static let inbox = MailboxName(wire: "INBOX".utf8)
  package var isInbox: Bool { self == .inbox }

  /// The name in Unicode where the bytes have a canonical reading: modified UTF-7, or UTF-8 with no `&` in it.
  package var text: String? {
    if let text = ModifiedUTF7.decode(wire) { return text }
    guard wire.contains(where: { $0 >= 0x80 }), !wire.contains(UInt8(ascii: "&")),
      !wire.contains(where: { $0 < 0x20 || $0 == 0x7F })
    else { return nil }
    return String(validating: wire, as: UTF8.self)
  }
}

extension MailboxName: CustomStringConvertible {
  /// For people: the text, else the bytes with all but printable ASCII as `\xNN`.
  package var description: String {
    if let text, !text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) {
      return text
    }
    return wire.map { byte in
      if (0x20...0x7E).contains(byte) { return String(UnicodeScalar(byte)) }
      let hex = String(byte, radix: 16, uppercase: true)
      return "\\x" + (hex.count == 1 ? "0" : "") + hex
    }.joined()
  }
}
