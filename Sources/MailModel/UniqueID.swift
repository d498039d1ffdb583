/// What a POP3 server calls a message, the same in every session: 1 to 70 visible ASCII characters (RFC 1939 section 7).
///
///     S: 2 QhdPYR:00WBw1Ph7x7
///
/// What a server says in its place that is longer or holds other octets is known by its digest, so that no value of
/// this type is ever long, empty or harmful.
package struct UniqueID: Hashable, Sendable {
  /// 1 to 71 octets, 0x21 to 0x7E.
  package let bytes: [UInt8]

  package static let longest = 70

  /// Nil for what no server may say.
  package init?(_ bytes: some Collection<UInt8>) {
    guard (1...Self.longest).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    self.bytes = Array(bytes)
  }

  /// For what is no unique-id: `sha256:` and 64 hexadecimal digits, one character longer than any that is.
  package init(digestOfIrregular digest: Digest) {
    bytes = Array("sha256:\(digest)".utf8)
  }

  /// As it was once kept; nil for what this type never gave.
  package init?(kept bytes: some Collection<UInt8>) {
    guard (1...Self.longest + 1).contains(bytes.count), bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      return nil
    }
    self.bytes = Array(bytes)
  }
}

extension UniqueID: CustomStringConvertible {
  package var description: String { String(decoding: bytes, as: UTF8.self) }
}
