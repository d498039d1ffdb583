import Crypto
import LinuxFiles
import MailModel

/// The running digests of a message in its LF form: of all of it, and of its header up to and with the first empty
/// line. A message that begins with an empty line has that line as its header; one without any is all header.
package struct ContentHasher: ~Copyable {
  private var content = SHA256()
  private var header = SHA256()
  private var headerEnded = false
  /// Whether the last byte was an LF, or none came yet: an LF now ends the header.
  private var atLineStart = true
  package private(set) var size: Int64 = 0

  package init() {}

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    size += Int64(bytes.count)
    content.update(bytes)
    guard !headerEnded else { return }
    let end = headerEnd(in: bytes)
    header.update(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
  }

  package consuming func finish() -> MessageContent? {
    guard let content = Digest(content.finish()), let header = Digest(header.finish()) else { return nil }
    return MessageContent(digests: MessageDigests(content: content, header: header), size: size)
  }

  /// How many of the bytes belong to the header.
  private mutating func headerEnd(in bytes: UnsafeRawBufferPointer) -> Int {
    var index = 0
    while index < bytes.count {
      let isLineFeed = bytes[index] == 0x0A
      index += 1
      if isLineFeed && atLineStart {
        headerEnded = true
        return index
      }
      atLineStart = isLineFeed
    }
    return index
  }
}

/// What a message on disk consists of.
package struct MessageContent: Hashable, Sendable {
  package let digests: MessageDigests
  /// In the LF form, which is the one on disk.
  package let size: Int64

  package init(digests: MessageDigests, size: Int64) {
    self.digests = digests
    self.size = size
  }
}

extension MessageContent {
  /// Reads the file through; it is never gathered.
  package static func reading(_ file: OpenFile) throws -> MessageContent {
    var hasher = ContentHasher()
    try file.readAll { hasher.update($0) }
    guard let content = hasher.finish() else { throw MaildirError.differs(path: file.path) }
    return content
  }
}
