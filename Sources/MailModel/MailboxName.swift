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

  /// From a session with UTF8=ACCEPT, where names are UTF-8 and `&` is a letter like any other (RFC 6855 section 3). What
  /// is kept is the modified UTF-7 that the name has in every other session, so that a mailbox has one name whatever
  /// was enabled when it was listed. Bytes that are no UTF-8, or that hold control characters, stay as they are.
  package init(utf8 bytes: some Sequence<UInt8>) {
    let bytes = Array(bytes)
    guard let text = String(validating: bytes, as: UTF8.self), !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F })
    else {
      self.init(wire: bytes)
      return
    }
    self.init(text)
  }

  /// The name as a session with UTF8=ACCEPT takes it.
  package var utf8: [UInt8] { ModifiedUTF7.decode(wire).map { Array($0.utf8) } ?? wire }

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
