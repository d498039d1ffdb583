/// Finding where a response's text goes on after a line end.
enum LineScan {
  /// The first LF at or after `start`, eight octets at a time.
  static func lineFeed(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    let ones: UInt64 = 0x0101_0101_0101_0101
    var index = start
    while index + 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ (ones &* 0x0A)
      let hits = (word &- ones) & ~word & (ones &* 0x80)
      if hits != 0 { return index + UInt64(littleEndian: hits).trailingZeroBitCount / 8 }
      index += 8
    }
    while index < bytes.count {
      if bytes[index] == .lineFeed { return index }
      index += 1
    }
    return nil
  }

  /// A literal announced at the end of a line.
  struct Literal {
    let size: UInt64
    /// Where its `{` or `~{` is.
    let start: Int
  }

  /// `{12}`, `{12+}` or `~{12}` at the end of `text`, not reaching back before `start`.
  static func literal(endOf text: UnsafeRawBufferPointer, from start: Int) throws(GrammarError) -> Literal? {
    guard text.count > start, text[text.count - 1] == .closeBrace else { return nil }
    let floor = Swift.max(start, text.count - 64)
    guard let brace = text[floor...].lastIndex(of: .openBrace) else { return nil }
    var digits = text[(brace + 1)..<(text.count - 1)]
    if digits.last == .plus { digits = digits.dropLast() }
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative { digits = digits.dropFirst() }
    guard !digits.isEmpty, digits.allSatisfy(\.isDigit) else { return nil }
    var cursor = Cursor(UnsafeRawBufferPointer(rebasing: digits))
    do throws(Unreadable) {
      let size = try cursor.number64()
      guard !isNegative else { throw Unreadable() }
      let hasTilde = brace > start && text[brace - 1] == .tilde
      return Literal(size: size, start: hasTilde ? brace - 1 : brace)
    } catch {
      throw .badLiteralSize(excerpt: UnsafeRawBufferPointer(rebasing: text[brace...]).excerpt)
    }
  }

  /// Whether a quoted string is open at `end`.
  static func endsInsideQuotes(_ text: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Bool {
    var isOpen = false
    var index = start
    while index < end {
      if text[index] == .backslash, isOpen {
        index += 1
      } else if text[index] == .quote {
        isOpen.toggle()
      }
      index += 1
    }
    return isOpen
  }

  /// Whether a `{12}` at this response's line end announces a literal: it does in all but the lines that end in a
  /// text for people, which may end so by chance.
  static func canHoldLiterals(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count > 2, text[0] == .star, text[1] == .space else { return false }
    var cursor = Cursor(text)
    cursor.position = 1
    cursor.skipSpaces()
    return Untagged.Condition(cursor.word()) == nil
  }

  /// Whether the bytes before a literal end as the name of a body attribute does: `BODY[]`, `BODY[]<0>`, `RFC822`.
  static func looksLikeBody(_ text: UnsafeRawBufferPointer, before literal: Int) -> Bool {
    var end = literal
    while end > 0, text[end - 1] == .space { end -= 1 }
    guard end > 0 else { return false }
    if text[end - 1] == .closeBracket || text[end - 1] == UInt8(ascii: ">") { return true }
    let head = UnsafeRawBufferPointer(rebasing: text[..<end])
    return [6, 11, 13].contains { length in
      guard head.count > length else { return false }
      let tail = UnsafeRawBufferPointer(rebasing: head[(head.count - length)...])
      return tail.isName("RFC822") || tail.isName("RFC822.TEXT") || tail.isName("RFC822.HEADER")
    }
  }

  /// Whether the line may be as long as a mailbox's list of numbers.
  static func isNumberList(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count > 2, text[0] == .star, text[1] == .space else { return false }
    var cursor = Cursor(text)
    cursor.position = 1
    cursor.skipSpaces()
    let name = cursor.word()
    return name.isName("SEARCH") || name.isName("ESEARCH") || name.isName("VANISHED")
  }
}
