import MailModel

/// Reads a whole response but FETCH, which `FetchReader` reads (RFC 3501 section 9, `response`).
struct ResponseReader {
  var cursor: Cursor
  let limits: ResponseLimits

  init(_ text: UnsafeRawBufferPointer, limits: ResponseLimits) {
    cursor = Cursor(text)
    self.limits = limits
  }

  /// Nil for a blank line, which some servers send between responses.
  mutating func response() throws(GrammarError) -> Response? {
    guard let first = cursor.peek else { return nil }
    if first == .star, cursor.peek(at: 1) == .space {
      cursor.position = 1
      return .untagged(untagged())
    }
    if first == .plus {
      cursor.position = 1
      _ = cursor.skip(.space)
      return .continuation(Continuation(bytes: Array(cursor.rest)))
    }
    return .tagged(try tagged())
  }

  private mutating func tagged() throws(GrammarError) -> Tagged {
    let tag = cursor.wordToSpace()
    cursor.skipSpaces()
    let word = cursor.wordToSpace()
    let status: Tagged.Status
    if word.isName("OK") {
      status = .ok
    } else if word.isName("NO") {
      status = .no
    } else if word.isName("BAD") {
      status = .bad
    } else {
      throw .unreadableLine(excerpt: cursor.text.excerpt)
    }
    guard (1...100).contains(tag.count) else { throw .unreadableLine(excerpt: cursor.text.excerpt) }
    return Tagged(tag: ServerText.sanitized(tag), status: status, text: responseText())
  }

  private mutating func untagged() -> Untagged {
    cursor.skipSpaces()
    let start = cursor.position
    if let byte = cursor.peek, byte.isDigit {
      do throws(Unreadable) { return try numbered() } catch {
        cursor.position = start
        _ = cursor.wordToSpace()
        cursor.skipSpaces()
        return malformed(cursor.word().upperName)
      }
    }
    let name = cursor.word()
    if let condition = Untagged.Condition(name) { return .condition(condition, responseText()) }
    do throws(Unreadable) {
      guard let data = try data(name) else { return .unknown(name.upperName) }
      cursor.skipSpaces()
      return cursor.isAtEnd ? data : malformed(name.upperName)
    } catch {
      return malformed(name.upperName)
    }
  }

  private func malformed(_ kind: String) -> Untagged {
    .malformed(MalformedResponse(kind: kind, excerpt: cursor.text.excerpt))
  }

  /// `23 EXISTS`.
  private mutating func numbered() throws(Unreadable) -> Untagged {
    let number = try cursor.number32()
    guard cursor.peek == .space else { throw Unreadable() }
    cursor.skipSpaces()
    let name = cursor.word()
    cursor.skipSpaces()
    let isWhole = cursor.isAtEnd
    if name.isName("EXISTS"), isWhole { return .exists(number) }
    if name.isName("RECENT"), isWhole { return .recent(number) }
    if name.isName("EXPUNGE"), isWhole, number > 0 { return .expunge(number) }
    let isKnown = name.isName("EXISTS") || name.isName("RECENT") || name.isName("EXPUNGE") || name.isName("FETCH")
    guard !isKnown, !name.isEmpty else { throw Unreadable() }
    return .unknown(name.upperName)
  }

  /// The responses that begin with their name; nil for a name that we don't know.
  private mutating func data(_ name: UnsafeRawBufferPointer) throws(Unreadable) -> Untagged? {
    cursor.skipSpaces()
    if name.isName("LIST") { return .list(try listEntry()) }
    if name.isName("LSUB") { return .lsub(try listEntry()) }
    if name.isName("STATUS") { return try status() }
    if name.isName("SEARCH") { return try search() }
    if name.isName("ESEARCH") { return .esearch(try esearch()) }
    if name.isName("VANISHED") { return try vanished() }
    if name.isName("CAPABILITY") { return .capability(try words()) }
    if name.isName("ENABLED") { return .enabled(try words()) }
    if name.isName("FLAGS") { return .flags(try cursor.names(limit: limits.listItems)) }
    if name.isName("NAMESPACE") { return .namespace(try namespaces()) }
    if name.isName("ID") { return .id(try identification()) }
    return nil
  }

  private mutating func words() throws(Unreadable) -> [String] {
    var result: [String] = []
    while true {
      cursor.skipSpaces()
      if cursor.isAtEnd { return result }
      let word = cursor.word()
      guard !word.isEmpty, result.count < limits.listItems else { throw Unreadable() }
      result.append(ServerText.sanitized(word))
    }
  }

  private mutating func search() throws(Unreadable) -> Untagged {
    let numbers = try cursor.numberList()
    guard cursor.skip(.openParenthesis) else { return .search(numbers, nil) }
    guard cursor.word().isName("MODSEQ") else { throw Unreadable() }
    cursor.skipSpaces()
    let modSequence = ModSequence(try cursor.number64())
    try cursor.expect(.closeParenthesis)
    return .search(numbers, modSequence)
  }

  private mutating func vanished() throws(Unreadable) -> Untagged {
    var isEarlier = false
    if cursor.skip(.openParenthesis) {
      guard cursor.word().isName("EARLIER") else { throw Unreadable() }
      try cursor.expect(.closeParenthesis)
      cursor.skipSpaces()
      isEarlier = true
    }
    return .vanished(earlier: isEarlier, try cursor.numberSet())
  }
}

extension Untagged.Condition {
  init?(_ name: UnsafeRawBufferPointer) {
    if name.isName("OK") {
      self = .ok
    } else if name.isName("NO") {
      self = .no
    } else if name.isName("BAD") {
      self = .bad
    } else if name.isName("BYE") {
      self = .bye
    } else if name.isName("PREAUTH") {
      self = .preauth
    } else {
      return nil
    }
  }
}
