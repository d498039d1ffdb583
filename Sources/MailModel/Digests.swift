/// A SHA-256 digest.
package struct Digest: Hashable, Sendable {
  // Four words and no vector: a vector's alignment is above what the heap gives, and values of this type live in the
  // frames of asynchronous functions.
  private var first: UInt64 = 0
  private var second: UInt64 = 0
  private var third: UInt64 = 0
  private var fourth: UInt64 = 0

  /// Nil unless there are exactly 32 bytes.
  package init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == 32 else { return nil }
    for (index, byte) in bytes.enumerated() {
      switch index / 8 {
      case 0: first = first << 8 | UInt64(byte)
      case 1: second = second << 8 | UInt64(byte)
      case 2: third = third << 8 | UInt64(byte)
      default: fourth = fourth << 8 | UInt64(byte)
      }
    }
  }

  package var bytes: [UInt8] {
    [first, second, third, fourth].flatMap { word in
      stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt64($0)) }
    }
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

  private init() {}
}
