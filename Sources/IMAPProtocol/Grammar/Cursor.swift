import MailModel

/// A value that can't be read; what it means is for the caller to say.
struct Unreadable: Error {}

/// A place in the text of one response. The text is that of the wire without its last line end; literals stand in it
/// as on the wire, but those of bodies end it.
struct Cursor {
  let text: UnsafeRawBufferPointer
  var position = 0

  init(_ text: UnsafeRawBufferPointer) { self.text = text }

  var isAtEnd: Bool { position >= text.count }
  var peek: UInt8? { position < text.count ? text[position] : nil }

  func peek(at offset: Int) -> UInt8? { position + offset < text.count ? text[position + offset] : nil }

  func slice(from start: Int, to end: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: text[start..<end])
  }

  var rest: UnsafeRawBufferPointer { slice(from: Swift.min(position, text.count), to: text.count) }

  mutating func skip(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    position += 1
    return true
  }

  mutating func expect(_ byte: UInt8) throws(Unreadable) {
    guard skip(byte) else { throw Unreadable() }
  }

  /// Any number of spaces: more than one, or one at the end of a line, is seen from several servers.
  mutating func skipSpaces() {
    while position < text.count, text[position] == .space { position += 1 }
  }

  /// The bytes up to a space, a parenthesis, a quote or the end; empty where one of them comes at once.
  mutating func word() -> UnsafeRawBufferPointer {
    let start = position
    while position < text.count, !text[position].endsWord { position += 1 }
    return slice(from: start, to: position)
  }

  /// The bytes up to a space or the end.
  mutating func wordToSpace() -> UnsafeRawBufferPointer {
    let start = position
    while position < text.count, text[position] != .space { position += 1 }
    return slice(from: start, to: position)
  }

  mutating func number64() throws(Unreadable) -> UInt64 {
    let start = position
    var value: UInt64 = 0
    while position < text.count, text[position] &- 0x30 < 10 {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(text[position] &- 0x30))
      if overflow || carry { throw Unreadable() }
      value = sum
      position += 1
    }
    if position == start { throw Unreadable() }
    return value
  }

  mutating func number32() throws(Unreadable) -> UInt32 {
    guard let value = UInt32(exactly: try number64()) else { throw Unreadable() }
    return value
  }

  mutating func nonZero32() throws(Unreadable) -> UInt32 {
    let value = try number32()
    if value == 0 { throw Unreadable() }
    return value
  }
}

extension UInt8 {
  static let space = UInt8(ascii: " ")
  static let openParenthesis = UInt8(ascii: "(")
  static let closeParenthesis = UInt8(ascii: ")")
  static let quote = UInt8(ascii: "\"")
  static let backslash = UInt8(ascii: "\\")
  static let openBrace = UInt8(ascii: "{")
  static let closeBrace = UInt8(ascii: "}")
  static let openBracket = UInt8(ascii: "[")
  static let closeBracket = UInt8(ascii: "]")
  static let star = UInt8(ascii: "*")
  static let plus = UInt8(ascii: "+")
  static let tilde = UInt8(ascii: "~")
  static let carriageReturn: UInt8 = 0x0D
  static let lineFeed: UInt8 = 0x0A

  var endsWord: Bool {
    self == .space || self == .openParenthesis || self == .closeParenthesis || self == .quote
  }

  var isDigit: Bool { self &- 0x30 < 10 }
}

extension UnsafeRawBufferPointer {
  /// Equal but for ASCII case; `name` must be in upper case.
  func isName(_ name: StaticString) -> Bool {
    guard count == name.utf8CodeUnitCount else { return false }
    let other = name.utf8Start
    for index in 0..<count {
      let byte = self[index]
      let upper = byte &- 0x61 < 26 ? byte & 0xDF : byte
      if upper != other[index] { return false }
    }
    return true
  }

  /// In upper case, sanitised.
  var upperName: String {
    ServerText.sanitized(prefix(100).map { $0 &- 0x61 < 26 ? $0 & 0xDF : $0 })
  }

  /// The beginning for an error, sanitised.
  var excerpt: String { ServerText.sanitized(prefix(80)) }
}
