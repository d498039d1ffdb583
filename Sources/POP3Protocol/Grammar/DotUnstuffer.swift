#if canImport(Glibc)
  import Glibc
#endif

/// Takes away the dots that a server puts before lines that begin with one, and finds the line that is a dot alone, in
/// a stream that is cut anywhere (RFC 1939 section 3).
///
/// What is a line? A message may hold bare LFs, and a server that stuffs after CRLF alone sends a bare LF, a dot and a
/// bare LF of such a message as they are: taken for the end, they would cut it, and its rest would be read as replies.
/// So LF alone ends a line only for a server whose replies end so. The line end before the last dot belongs to the
/// message.
package struct DotUnstuffer: Sendable {
  private enum Place {
    case lineStart
    case inLine
    /// A CR was the last octet.
    case afterCR
    /// A dot began the line; it is held back.
    case afterDot
    /// And a CR behind it.
    case afterDotCR
    case end
  }

  private let linesEndInLF: Bool
  private var place = Place.lineStart

  package init(linesEndInLF: Bool) { self.linesEndInLF = linesEndInLF }

  package var isAtEnd: Bool { if case .end = place { true } else { false } }

  /// Takes octets up to the end of the message, and returns how many.
  package mutating func receive(
    _ bytes: UnsafeRawBufferPointer, _ emit: (UnsafeRawBufferPointer) throws -> Void
  ) rethrows -> Int {
    var index = 0
    while index < bytes.count {
      switch place {
      case .end: return index
      case .lineStart:
        if bytes[index] == UInt8(ascii: ".") {
          place = .afterDot
          index += 1
        } else {
          place = .inLine
        }
      case .afterDot:
        switch bytes[index] {
        case UInt8(ascii: "\r"):
          place = .afterDotCR
          index += 1
        case UInt8(ascii: "\n") where linesEndInLF:
          place = .end
          index += 1
        default: place = .inLine
        }
      case .afterDotCR:
        if bytes[index] == UInt8(ascii: "\n") {
          place = .end
          index += 1
        } else {
          // The CR was the line's own.
          try Self.cr.withUnsafeBytes { try emit($0) }
          place = .inLine
        }
      case .inLine, .afterCR:
        let run = bytes[index...]
        let length = passLines(UnsafeRawBufferPointer(rebasing: run))
        try emit(UnsafeRawBufferPointer(rebasing: run.prefix(length)))
        index += length
      }
    }
    return index
  }

  private static let cr = [UInt8(ascii: "\r")]

  /// The length of what can be passed on in one piece: up to a line that begins with a dot, or all.
  private mutating func passLines(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    var isAfterCR = if case .afterCR = place { true } else { false }
    var start = 0
    while start < bytes.count, let found = memchr(base + start, 0x0A, bytes.count - start) {
      let end = UnsafeRawPointer(found) - UnsafeRawPointer(base)
      let hasCR = end > 0 ? bytes[end - 1] == UInt8(ascii: "\r") : isAfterCR
      isAfterCR = false
      start = end + 1
      guard hasCR || linesEndInLF else { continue }
      if start == bytes.count || bytes[start] == UInt8(ascii: ".") {
        place = .lineStart
        return start
      }
    }
    place = bytes[bytes.count - 1] == UInt8(ascii: "\r") ? .afterCR : .inLine
    return bytes.count
  }
}
