import Crypto
import LinuxFiles
import MailModel

/// A message with LF line ends, by what two copies of it are compared by when other programs may have altered one.
package struct ComparedContent: Hashable, Sendable {
  package var content: Digest
  package var header: Digest
  /// The header without the fields that mail programs add.
  package var plainHeader: Digest
  /// All after the header.
  package var body: Digest

  /// The same but for header fields that mail programs add.
  package func isSameButForLocalFields(as other: ComparedContent) -> Bool {
    plainHeader == other.plainHeader && body == other.body
  }
}

/// Follows a message in its LF form.
package struct ComparisonHasher: ~Copyable {
  private var content = ContentHasher()
  private var parts = BodyHasher()
  private var header: [UInt8] = []

  package init() {}

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    content.update(bytes)
    parts.update(bytes)
    if header.count < LocalFields.limit { header += bytes.prefix(LocalFields.limit - header.count) }
  }

  package consuming func finish() -> ComparedContent? {
    let stripped = LocalFields.stripped(header)?.header
    guard let digests = content.finish()?.digests, let body = parts.finish() else { return nil }
    var plain = digests.header
    if let stripped {
      var sha = SHA256()
      stripped.withUnsafeBytes { sha.update($0) }
      plain = Digest(sha.finish()) ?? plain
    }
    return ComparedContent(content: digests.content, header: digests.header, plainHeader: plain, body: body)
  }
}

extension MaildirFolder {
  /// The content of the file of this base name with each CRLF as LF, as a message comes from the server; nil where it
  /// is not there.
  package func comparedContent(base: FileName) throws -> ComparedContent? {
    guard let entry = try find(base: base).first else { return nil }
    var hasher = ComparisonHasher()
    var endedWithCR = false
    do {
      try self[entry.subdirectory].openFile(entry.name).readAll { piece in
        var plain: [UInt8] = []
        plain.reserveCapacity(piece.count + 1)
        for byte in piece {
          if endedWithCR, byte != 0x0A { plain.append(0x0D) }
          endedWithCR = byte == 0x0D
          if !endedWithCR { plain.append(byte) }
        }
        plain.withUnsafeBytes { hasher.update($0) }
      }
    } catch let error as FileError where error.isMissing {
      return nil
    }
    if endedWithCR { withUnsafeBytes(of: UInt8(0x0D)) { hasher.update($0) } }
    return hasher.finish()
  }
}
