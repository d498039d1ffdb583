import Crypto
import LinuxFiles
import MailModel

extension MessageTraits {
  /// The number that stands for a header's Message-ID and Date.
  package static func identity(of header: [UInt8]) -> Int64? {
    guard let text = HeaderIdentification.find(in: header) else { return nil }
    var sha = SHA256()
    Array(text.utf8).withUnsafeBytes { sha.update($0) }
    return sha.finish().prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
  }

  /// The octets of a header with LF line ends when they are CRLF.
  package static func wireSize(of header: [UInt8]) -> Int64 {
    header.reduce(Int64(header.count)) { $0 + ($1 == 0x0A ? 1 : 0) }
  }
}

/// Follows a message in its LF form: where its body begins, and how many octets each part has on the wire.
struct BodyHasher: ~Copyable {
  private var sha = SHA256()
  private var isInBody = false
  private var atLineStart = true
  private var last: UInt8 = 0
  private(set) var headerWireSize: Int64 = 0
  private(set) var bodyWireSize: Int64 = 0

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var start = 0
    if !isInBody {
      while start < bytes.count, !isInBody {
        let byte = bytes[start]
        start += 1
        headerWireSize += byte == 0x0A && last != 0x0D ? 2 : 1
        last = byte
        isInBody = byte == 0x0A && atLineStart
        atLineStart = byte == 0x0A
      }
    }
    guard start < bytes.count else { return }
    let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
    sha.update(rest)
    bodyWireSize += Int64(rest.count)
    for byte in rest {
      if byte == 0x0A, last != 0x0D { bodyWireSize += 1 }
      last = byte
    }
  }

  consuming func finish() -> Digest? { Digest(sha.finish()) }
}
