import Glibc

/// Sender and subject of a message file, for a person to read, and its Message-ID.
struct MessageHeading: Equatable, Sendable {
  var from: String?
  var subject: String?
  /// As it stands: `<20260201.1@example.org>`.
  var messageID: String?

  /// Headers beyond are not looked at.
  private static let limit = 64 << 10
  private static let longestValue = 2_000

  /// Reads the start of a file; empty where there is none any more. Blocks: for the disk threads.
  static func read(path: String) -> MessageHeading {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return MessageHeading() }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return MessageHeading(header: bytes.prefix(max(count, 0)))
  }

  init(from: String? = nil, subject: String? = nil) {
    self.from = from
    self.subject = subject
  }

  /// Of a message whose lines end with LF (RFC 5322 section 2.2).
  init(header bytes: some Collection<UInt8>) {
    var name = ""
    var value: [UInt8] = []
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if line.isEmpty || line.elementsEqual([0x0D]) { break }
      if let first = line.first, first == 0x20 || first == 0x09 {
        value += line
        continue
      }
      note(name, value)
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { break }
      name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      value = Array(line[line.index(after: colon)...])
    }
    note(name, value)
  }

  private mutating func note(_ name: String, _ value: [UInt8]) {
    switch name {
    case "from" where from == nil: from = Self.text(value)
    case "subject" where subject == nil: subject = Self.text(value)
    case "message-id" where messageID == nil:
      messageID = String(decoding: value.prefix(Self.longestValue), as: UTF8.self)
        .split(whereSeparator: \.isWhitespace).first.map(String.init)
    default: break
    }
  }

  private static func text(_ value: [UInt8]) -> String {
    let words = String(decoding: value.prefix(longestValue), as: UTF8.self)
      .split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" || $0 == "\n" })
    return EncodedWords.decode(words.joined(separator: " "))
  }
}
