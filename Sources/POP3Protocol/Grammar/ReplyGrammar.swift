import MailModel

extension Reply {
  /// Reads `+OK ...` or `-ERR [CODE] ...`, without its line end (RFC 1939 section 3, RFC 2449 section 8). nil for
  /// anything else. A status in lower case, which some servers send, is one.
  package init?(line: some Collection<UInt8>) {
    let word = line.prefix { $0 != UInt8(ascii: " ") }
    guard let isOK = Self.isOK(word) else { return nil }
    self.init(isOK: isOK, text: ReplyText(line.dropFirst(word.count + 1)))
  }

  /// nil for a word that is no status.
  private static func isOK(_ word: some Collection<UInt8>) -> Bool? {
    func isWord(_ status: StaticString) -> Bool {
      status.withUTF8Buffer { status in word.elementsEqual(status) { $0 == $1 || $0 &- 0x61 < 26 && $0 & 0xDF == $1 } }
    }
    return isWord("+OK") ? true : isWord("-ERR") ? false : nil
  }

  /// Octets of the longest status and the blank or line end behind it.
  package static let longestStatus = 5

  /// A message's first octets, `longestStatus` of them or all, that could as well be a reply's.
  package static func begins(_ head: [UInt8]) -> Bool {
    let word = head.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
    return isOK(word) != nil
  }

  /// The numbers at the beginning of the text: `+OK 2 320`. Fewer than `count` where the server says something else.
  package static func numbers(_ count: Int, in line: some Collection<UInt8>) -> [UInt64] {
    var numbers: [UInt64] = []
    for word in line.split(separator: UInt8(ascii: " "), maxSplits: count + 1).dropFirst().prefix(count) {
      guard let number = UInt64(decimal: word) else { break }
      numbers.append(number)
    }
    return numbers
  }
}

extension ReplyText {
  /// What stands behind the status. A code's levels are parted by slashes: `[SYS/TEMP]`; one that is not known counts
  /// as its first level would, where that is known.
  init(_ bytes: some Collection<UInt8>) {
    let text = bytes.drop { $0 == UInt8(ascii: " ") }
    guard text.first == UInt8(ascii: "["), let end = text.prefix(Self.longestCode).firstIndex(of: UInt8(ascii: "]"))
    else {
      self.init(text: ServerText.sanitized(text))
      return
    }
    let name = ServerText.sanitized(text[text.index(after: text.startIndex)..<end]).asciiUppercased()
    let rest = text[text.index(after: end)...].drop { $0 == UInt8(ascii: " ") }
    self.init(code: name.isEmpty ? nil : ReplyCode(name), text: ServerText.sanitized(rest))
  }

  private static let longestCode = 200
}

extension ReplyCode {
  fileprivate init(_ name: String) {
    let levels = name.split(separator: "/", omittingEmptySubsequences: false)
    switch (levels[0], levels.dropFirst().first) {
    case ("IN-USE", _): self = .inUse
    case ("LOGIN-DELAY", _): self = .loginDelay
    case ("SYS", "PERM"?): self = .systemPermanent
    case ("SYS", _): self = .systemTemporary
    case ("AUTH", _): self = .authentication
    case ("UTF8", _): self = .utf8
    default: self = .other(name)
    }
  }
}

extension UInt64 {
  /// Nil for anything but decimal digits, 19 at most.
  init?(decimal digits: some Collection<UInt8>) {
    guard (1...19).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    self = digits.reduce(0) { $0 * 10 + UInt64($1 - 0x30) }
  }
}
