import LinuxFiles
import MailConnections
import MailModel
import Maildir
import NIOCore
import SyncState

/// A local file on its way to the server: read twice, never gathered. CRLF stays and a bare LF becomes CRLF (DESIGN.md
/// section 6, Bytes).
final class UploadFile: Sendable {
  let file: LocalFile
  let digests: MessageDigests
  let status: FileStatus
  /// With CRLF line ends.
  let wireSize: Int64
  /// Message-ID and Date, where the header has them.
  let identification: String?
  /// A literal can't carry it (RFC 3501 section 4.3).
  let hasNUL: Bool
  private let open: OpenFile

  private init(
    file: LocalFile, content: MessageContent, status: FileStatus, wireSize: Int64, identification: String?,
    hasNUL: Bool, open: OpenFile
  ) {
    self.hasNUL = hasNUL
    self.file = file
    digests = content.digests
    self.status = status
    self.wireSize = wireSize
    self.identification = identification
    self.open = open
  }

  /// Reads the file through; nil where it is not what the scan met any more. Blocks: for the disk threads.
  static func open(_ file: LocalFile, in folder: MaildirFolder) throws -> UploadFile? {
    guard let entry = try folder.entry(of: file) else { return nil }
    let open = try folder[entry.subdirectory].openFile(entry.name)
    var hasher = ContentHasher()
    var lines = CRLFConverter()
    var size: Int64 = 0
    var header: [UInt8] = []
    var hasNUL = false
    try open.readAll { piece in
      hasNUL = hasNUL || piece.contains(0)
      hasher.update(piece)
      size += Int64(lines.growth(of: piece)) + Int64(piece.count)
      if header.count < HeaderIdentification.limit {
        header += piece.prefix(HeaderIdentification.limit - header.count)
      }
    }
    guard let content = hasher.finish(), file.digests.content == .zero || content.digests == file.digests else {
      return nil
    }
    return UploadFile(
      file: file, content: content, status: try open.status(), wireSize: size,
      identification: HeaderIdentification.find(in: header), hasNUL: hasNUL, open: open)
  }

  /// The bytes for the server, a piece at a time. `beforeLast` is awaited before the last piece is given.
  func chunks(
    on pool: DiskPool, allocator: ByteBufferAllocator, beforeLast: @escaping @Sendable () async throws -> Void
  ) -> UploadChunks {
    UploadChunks(
      file: open, size: status.size, pool: pool, allocator: allocator, beforeLast: beforeLast)
  }
}

/// Turns a bare LF into CRLF.
struct CRLFConverter: Sendable {
  private var last: UInt8 = 0

  /// By how many octets the bytes grow; remembers their end.
  mutating func growth(of bytes: UnsafeRawBufferPointer) -> Int {
    var count = 0
    for byte in bytes {
      if byte == 0x0A, last != 0x0D { count += 1 }
      last = byte
    }
    return count
  }

  mutating func convert(_ bytes: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
    var start = 0
    for (index, byte) in bytes.enumerated() {
      if byte == 0x0A, last != 0x0D {
        buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<index]))
        buffer.writeInteger(UInt8(0x0D))
        start = index
      }
      last = byte
    }
    buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start...]))
  }
}

/// The pieces of one upload, in order; asked for one at a time.
actor UploadChunks {
  private let file: OpenFile
  private let size: Int64
  private let pool: DiskPool
  private let allocator: ByteBufferAllocator
  private let beforeLast: @Sendable () async throws -> Void
  private var offset: Int64 = 0
  private var lines = CRLFConverter()
  private static let piece = 64 * 1024

  init(
    file: OpenFile, size: Int64, pool: DiskPool, allocator: ByteBufferAllocator,
    beforeLast: @escaping @Sendable () async throws -> Void
  ) {
    self.file = file
    self.size = size
    self.pool = pool
    self.allocator = allocator
    self.beforeLast = beforeLast
  }

  /// Nil at the end.
  func next() async throws -> ByteBuffer? {
    guard offset < size else { return nil }
    let (file, from, allocator, before) = (file, offset, allocator, lines)
    let (buffer, count, lines) = try await pool.run { () -> (ByteBuffer, Int, CRLFConverter) in
      var lines = before
      var buffer = allocator.buffer(capacity: Self.piece + Self.piece / 32)
      let count = try file.read(at: from, upTo: Self.piece) { lines.convert($0, into: &buffer) }
      return (buffer, count, lines)
    }
    // A file that became shorter ends early, and the connection notices that too little came.
    guard count > 0 else { return nil }
    self.lines = lines
    offset += Int64(count)
    if offset >= size { try await beforeLast() }
    return buffer
  }
}

/// What tells a message from others when a server has altered its header: Message-ID and Date.
enum HeaderIdentification {
  /// A header's part that is looked at.
  static let limit = 64 * 1024

  static func find(in header: [UInt8]) -> String? {
    var fields: [String: String] = [:]
    var current: String?
    for line in header.split(separator: 0x0A, omittingEmptySubsequences: false) {
      let line = line.last == 0x0D ? line.dropLast() : line
      if line.isEmpty { break }
      if let first = line.first, first == 0x20 || first == 0x09 {
        if let current { fields[current, default: ""] += String(decoding: line, as: UTF8.self) }
        continue
      }
      current = nil
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      guard name == "message-id" || name == "date", fields[name] == nil else { continue }
      fields[name] = String(decoding: line[(colon + 1)...], as: UTF8.self)
      current = name
    }
    guard let id = fields["message-id"].map(trimmed), !id.isEmpty else { return nil }
    return id + " " + trimmed(fields["date"] ?? "")
  }

  private static func trimmed(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
