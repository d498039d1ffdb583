import MailModel

/// A string on the wire: what stands between the quotes, or a literal's bytes.
struct StringToken {
  let raw: UnsafeRawBufferPointer
  let hasEscapes: Bool

  var bytes: [UInt8] {
    guard hasEscapes else { return Array(raw) }
    var result: [UInt8] = []
    result.reserveCapacity(raw.count)
    var isEscaped = false
    for byte in raw {
      if byte == .backslash, !isEscaped {
        isEscaped = true
      } else {
        isEscaped = false
        result.append(byte)
      }
    }
    return result
  }

  var text: String { hasEscapes ? ServerText.sanitized(bytes) : ServerText.sanitized(raw) }
}

// Strings and values of any shape (RFC 3501 section 4, literal8 of RFC 3516).
extension Cursor {
  /// `"..."`. A backslash before any character stands for that character: some servers escape more than they must.
  mutating func quoted() throws(Unreadable) -> StringToken {
    try expect(.quote)
    let start = position
    var hasEscapes = false
    while position < text.count {
      let byte = text[position]
      if byte == .quote {
        let token = StringToken(raw: slice(from: start, to: position), hasEscapes: hasEscapes)
        position += 1
        return token
      }
      if byte == .backslash {
        hasEscapes = true
        position += 1
      }
      position += 1
    }
    position = text.count
    throw Unreadable()
  }

  /// `{5}` or `~{5}` or `{5+}` and its line end; false when the cursor is at something else.
  mutating func literalHeader() throws(Unreadable) -> UInt64? {
    let start = position
    _ = skip(.tilde)
    guard skip(.openBrace) else {
      position = start
      return nil
    }
    let size = try number64()
    _ = skip(.plus)
    try expect(.closeBrace)
    _ = skip(.carriageReturn)
    guard isAtEnd || skip(.lineFeed) else { throw Unreadable() }
    return size
  }

  /// A quoted string or a literal.
  mutating func string() throws(Unreadable) -> StringToken {
    if peek == .quote { return try quoted() }
    guard let size = try literalHeader(), size <= UInt64(text.count - position) else { throw Unreadable() }
    let start = position
    position += Int(size)
    return StringToken(raw: slice(from: start, to: position), hasEscapes: false)
  }

  /// A string, or nil for the atom `NIL`.
  mutating func nilOrString() throws(Unreadable) -> StringToken? {
    if skipNIL() { return nil }
    return try string()
  }

  /// A string or an atom; the atom `NIL` is that name.
  mutating func astring() throws(Unreadable) -> StringToken {
    if peek == .quote || isAtLiteral { return try string() }
    let word = word()
    if word.isEmpty { throw Unreadable() }
    return StringToken(raw: word, hasEscapes: false)
  }

  /// A mailbox's name as a string, or unquoted: there, anything but a space or a quote is taken as a part of it.
  mutating func mailboxName() throws(Unreadable) -> [UInt8] {
    if peek == .quote || isAtLiteral { return try string().bytes }
    guard peek != .openParenthesis, peek != .closeParenthesis else { throw Unreadable() }
    let word = wordToSpace()
    guard !word.isEmpty, !word.contains(.quote), !word.contains(.carriageReturn), !word.contains(.lineFeed) else {
      throw Unreadable()
    }
    return Array(word)
  }

  var isAtLiteral: Bool {
    guard let first = peek else { return false }
    return first == .openBrace || first == .tilde && peek(at: 1) == .openBrace
  }

  /// The atom `NIL` in any case, and nothing longer.
  mutating func skipNIL() -> Bool {
    guard position + 3 <= text.count, slice(from: position, to: position + 3).isName("NIL"),
      peek(at: 3)?.endsWord ?? true
    else { return false }
    position += 3
    return true
  }

  /// Steps over one value of any shape, without recursion; false when it was nested deeper than `nesting`.
  mutating func skipValue(nesting: Int) throws(Unreadable) -> Bool {
    var depth = 0
    var deepest = 0
    repeat {
      guard let byte = peek else { throw Unreadable() }
      switch byte {
      case .openParenthesis:
        depth += 1
        deepest = Swift.max(deepest, depth)
        position += 1
      case .closeParenthesis:
        guard depth > 0 else { throw Unreadable() }
        depth -= 1
        position += 1
      case .space:
        guard depth > 0 else { throw Unreadable() }
        position += 1
      case .quote: _ = try quoted()
      default:
        if isAtLiteral { _ = try string() } else { _ = word() }
      }
    } while depth > 0
    return deepest <= nesting
  }

  /// `(a b c)` of names without parentheses or strings in it, or `NIL` for none.
  mutating func names(limit: Int) throws(Unreadable) -> [String] {
    if skipNIL() { return [] }
    try expect(.openParenthesis)
    var result: [String] = []
    while true {
      skipSpaces()
      if skip(.closeParenthesis) { return result }
      let word = word()
      guard !word.isEmpty, result.count < limit else { throw Unreadable() }
      result.append(ServerText.sanitized(word))
    }
  }
}
