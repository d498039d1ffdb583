/// One component of a path as the kernel has it: bytes that need not be UTF-8, without `/` and NUL.
package struct FileName: Hashable, Sendable {
  package let bytes: [UInt8]

  /// Nil for what no directory entry can be called: empty, `.`, `..`, or with `/` or NUL in it.
  @inlinable package init?(bytes: some Sequence<UInt8>) { self.init(checking: Array(bytes)) }

  @usableFromInline init?(checking bytes: [UInt8]) {
    guard !bytes.isEmpty, !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")) else { return nil }
    let dot = UInt8(ascii: ".")
    guard bytes != [dot], bytes != [dot, dot] else { return nil }
    self.bytes = bytes
  }

  /// Nil for what no directory entry can be called.
  package init?(_ text: String) { self.init(bytes: text.utf8) }

  /// For names that the caller knows to be good, such as entries that the kernel listed.
  init(trusted bytes: [UInt8]) { self.bytes = bytes }

  package var startsWithDot: Bool { bytes[0] == UInt8(ascii: ".") }

  /// The name where it is UTF-8.
  package var text: String? { String(validating: bytes, as: UTF8.self) }

  /// Calls `body` with the name as C has it.
  package func withCString<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
      for (index, byte) in bytes.enumerated() { buffer[index] = CChar(bitPattern: byte) }
      buffer[bytes.count] = 0
      guard let start = buffer.baseAddress else { preconditionFailure("an empty buffer of one byte or more") }
      return try body(start)
    }
  }
}

extension FileName: ExpressibleByStringLiteral {
  /// A literal is a name that this program wrote down, never input.
  package init(stringLiteral value: StaticString) {
    self.bytes = value.withUTF8Buffer { Array($0) }
    precondition(!bytes.isEmpty && !bytes.contains(UInt8(ascii: "/")), "a file name literal is one component")
  }
}

extension FileName: CustomStringConvertible {
  /// For people: bytes that are no printable text as `\xNN`.
  package var description: String {
    if let text, !text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) {
      return text
    }
    return bytes.map { byte in
      if (0x20...0x7E).contains(byte) { return String(UnicodeScalar(byte)) }
      return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }.joined()
  }
}
