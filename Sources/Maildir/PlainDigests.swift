import Glibc
import LinuxFiles
import MailModel

/// Header fields that mail programs and other synchronizers add to messages in a Maildir for their own use: neomutt's
/// Content-Length and Lines, the Status fields of mbox, mbsync's X-TUID. They make no other message.
package enum LocalFields {
  static let names: Set<String> = ["content-length", "lines", "status", "x-status", "x-keywords", "x-tuid"]

  /// A longer header is taken as it is.
  static let limit = 256 * 1024

  /// The header without such fields; nil where it has none, or has no end.
  static func stripped(_ bytes: [UInt8]) -> (header: [UInt8], length: Int)? {
    var kept: [UInt8] = []
    var hasDropped = false
    var isDropping = false
    var start = 0
    while let end = bytes[start...].firstIndex(of: 0x0A) {
      let line = bytes[start...end]
      start = end + 1
      if line.count == 1 || (line.count == 2 && line.first == 0x0D) {
        return hasDropped ? (kept + line, start) : nil
      }
      if line.first != 0x20, line.first != 0x09 { isDropping = isLocal(line) }
      if isDropping { hasDropped = true } else { kept += line }
    }
    return nil
  }

  private static func isLocal(_ line: ArraySlice<UInt8>) -> Bool {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon - line.startIndex <= 16 else { return false }
    return names.contains(String(decoding: line[..<colon], as: UTF8.self).asciiLowercased())
  }
}

extension MessageContent {
  /// Reads the file through, and again where its header has fields that programs add, for the digests of the message
  /// without them.
  package static func readingPlain(_ file: OpenFile) throws -> LocalContent {
    var hasher = ContentHasher()
    var parts = BodyHasher()
    var header: [UInt8] = []
    try file.readAll { piece in
      hasher.update(piece)
      parts.update(piece)
      if header.count < LocalFields.limit { header += piece.prefix(LocalFields.limit - header.count) }
    }
    guard let content = hasher.finish() else { throw MaildirError.differs(path: file.path) }
    let (headerSize, bodySize) = (parts.headerWireSize, parts.bodyWireSize)
    guard let body = parts.finish() else { throw MaildirError.differs(path: file.path) }
    var traits = MessageTraits(
      wireSize: headerSize + bodySize, body: body, bodyWireSize: bodySize, identity: MessageTraits.identity(of: header))
    guard let stripped = LocalFields.stripped(header) else {
      return LocalContent(content: content, plain: content.digests, traits: traits)
    }
    traits.wireSize = MessageTraits.wireSize(of: stripped.header) + bodySize
    var plain = ContentHasher()
    stripped.header.withUnsafeBytes { plain.update($0) }
    var offset = 0
    try file.readAll { piece in
      let skipped = min(max(0, stripped.length - offset), piece.count)
      offset += piece.count
      plain.update(UnsafeRawBufferPointer(rebasing: piece[skipped...]))
    }
    guard let digests = plain.finish()?.digests else { throw MaildirError.differs(path: file.path) }
    return LocalContent(content: content, plain: digests, traits: traits)
  }
}

/// A file's content, and what it is without what programs add.
package struct LocalContent: Hashable, Sendable {
  package var content: MessageContent
  package var plain: MessageDigests
  package var traits: MessageTraits
}

extension MaildirFolder {
  /// Gives a file back the content that it has without the fields that a mail program added when it saved the message
  /// here: that is what the server has. At once, and then under a new base name, so that programs which remember
  /// messages by it notice; nil where another program has changed the file meanwhile, or where the file system can't.
  package func stripLocalFields(of entry: ScanEntry, unique: FileName) throws -> ScanEntry? {
    let file = try self[entry.subdirectory].openFile(entry.name)
    let before = try file.status()
    var header: [UInt8] = []
    try file.readAll { piece in
      if header.count < LocalFields.limit { header += piece.prefix(LocalFields.limit - header.count) }
    }
    guard let stripped = LocalFields.stripped(header) else { return nil }
    let draft = try makeTemporary(unique)
    do {
      try draft.write(stripped.header)
      var offset = 0
      try file.readAll { piece in
        let skipped = min(max(0, stripped.length - offset), piece.count)
        offset += piece.count
        try draft.write(UnsafeRawBufferPointer(rebasing: piece[skipped...]))
      }
      _ = try draft.finish()
      try draft.setModificationTime(seconds: before.modified.seconds)
      try draft.sync()
      draft.close()
      try self[entry.subdirectory].exchange(entry.name, with: draft.name, of: tmp, label: "strip")
    } catch let error as FileError where error.isMissing || error.code == EINVAL || error.code == ENOSYS {
      try draft.discard()
      return nil
    }
    let taken = try tmp.status(of: draft.name)
    guard taken?.identity == before.identity, taken?.size == before.size, taken?.modified == before.modified else {
      // Another file had come to the name: it goes back.
      try self[entry.subdirectory].exchange(entry.name, with: draft.name, of: tmp, label: "strip")
      try draft.discard()
      return nil
    }
    let directory = self[entry.subdirectory]
    let parsed = entry.parsed
    let fresh = MessageFileName(
      base: BaseNames.baseName(unique: unique, size: draft.size), flags: parsed.flags,
      keywordLetters: parsed.keywordLetters)
    let name = entry.subdirectory == .new ? fresh.fileName : fresh.fileNameInCur
    try directory.rename(entry.name, to: directory, as: name, label: "strip")
    try directory.sync()
    try draft.discard()
    return try directory.status(of: name).map {
      ScanEntry(name: name, subdirectory: entry.subdirectory, status: $0)
    }
  }

  /// What tells which message a file in `tmp/` is.
  package func traits(of file: TemporaryFile) throws -> MessageTraits? {
    do {
      return try MessageContent.readingPlain(tmp.openFile(file.name)).traits
    } catch let error as FileError where error.isMissing {
      return nil
    }
  }

  /// Reads a message's content, with the digests of it without the fields that programs add; nil where the file is not
  /// there any more.
  package func plainContent(of entry: ScanEntry) throws -> LocalContent? {
    do {
      return try MessageContent.readingPlain(self[entry.subdirectory].openFile(entry.name))
    } catch let error as FileError where error.isMissing {
      return nil
    }
  }
}
