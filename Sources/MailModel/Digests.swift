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
    if bytes.withContiguousStorageIfAvailable({ read(UnsafeRawBufferPointer($0)) }) == nil {
      Array(bytes).withUnsafeBytes { read($0) }
    }
  }

  private mutating func read(_ bytes: UnsafeRawBufferPointer) {
    func word(_ index: Int) -> UInt64 {
      UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    }
    (first, second, third, fourth) = (word(0), word(1), word(2), word(3))
  }

  package var bytes: [UInt8] {
    Array(unsafeUninitializedCapacity: 32) { buffer, count in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      for (index, word) in [first, second, third, fourth].enumerated() {
        raw.storeBytes(of: word.bigEndian, toByteOffset: index * 8, as: UInt64.self)
      }
      count = 32
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
