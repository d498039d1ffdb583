/// A SHA-256 digest.
package struct Digest: Hashable, Sendable {
  private let words: SIMD4<UInt64>

  /// Nil unless there are exactly 32 bytes.
  package init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    var words = SIMD4<UInt64>()
    for (index, byte) in bytes.enumerated() { words[index / 8] = words[index / 8] << 8 | UInt64(byte) }
    self.words = words
  }

  package var bytes: [UInt8] {
    (0..<32).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64(56 - 8 * ($0 % 8))) }
  }
}

extension Digest: CustomStringConvertible {
  /// 64 hexadecimal digits.
  package var description: String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// What identifies a message's content: SHA-256 over its bytes with LF line ends, of all of it and of its header
/// (up to and with the first empty line).
package struct MessageDigests: Hashable, Sendable {
  package let content: Digest
  package let header: Digest

  package init(content: Digest, header: Digest) {
    self.content = content
    self.header = header
  }
}

extension Digest {
  /// Stands for "not read yet"; no content has it.
  package static let zero = Digest()

  private init() { words = SIMD4<UInt64>() }
}
