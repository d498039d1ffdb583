import MailModel

/// Reads a FETCH response attribute by attribute: `12 FETCH (UID 78 FLAGS (\Seen) BODY[] {2048}` (RFC 3501 section
/// 7.4.2). A value that can't be read but whose end can be found is left out and named in `unreadable`.
struct FetchReader {
  var cursor: Cursor
  var attributes: FetchedAttributes
  let limits: ResponseLimits
  /// Bodies that came within the text, to be passed on when all of it has been read.
  private(set) var embedded: [(begin: BodyBegin, value: StringToken)] = []

  /// What follows the text read so far.
  enum End {
    /// The closing parenthesis: the response is complete.
    case complete
    /// The bytes of a body.
    case body(BodyBegin)
  }

  init(_ cursor: Cursor, attributes: FetchedAttributes, limits: ResponseLimits) {
    self.cursor = cursor
    self.attributes = attributes
    self.limits = limits
  }

  mutating func read() throws(Unreadable) -> End {
    while true {
      cursor.skipSpaces()
      if cursor.skip(.closeParenthesis) {
        cursor.skipSpaces()
        guard cursor.isAtEnd else { throw Unreadable() }
        return .complete
      }
      if let body = try attribute() { return .body(body) }
    }
  }

  private mutating func attribute() throws(Unreadable) -> BodyBegin? {
    let start = cursor.position
    let name = cursor.attributeName()
    guard !name.isEmpty else { throw Unreadable() }
    if let section = BodySection(name) {
      cursor.skipSpaces()
      return try body(section)
    }
    cursor.skipSpaces()
    let valueStart = cursor.position
    do throws(Unreadable) {
      if try value(of: name) {
        guard cursor.peek == .space || cursor.peek == .closeParenthesis else { throw Unreadable() }
        return nil
      }
    } catch {
      noteUnreadable(name)
    }
    cursor.position = valueStart
    guard cursor.position > start else { throw Unreadable() }
    if try !cursor.skipValue(nesting: limits.nesting) { noteUnreadable(name) }
    return nil
  }

  private mutating func noteUnreadable(_ name: UnsafeRawBufferPointer) {
    let name = name.upperName
    if attributes.unreadable.count < 20, !attributes.unreadable.contains(name) { attributes.unreadable.append(name) }
  }

  /// Reads the value of an attribute that we use; false for one that we don't.
  private mutating func value(of name: UnsafeRawBufferPointer) throws(Unreadable) -> Bool {
    if name.isName("UID") {
      attributes.uid = UID(try cursor.nonZero32())
    } else if name.isName("FLAGS") {
      attributes.flags = try cursor.flags(limit: 256).set
    } else if name.isName("MODSEQ") {
      try cursor.expect(.openParenthesis)
      guard let value = ModSequence(try cursor.number64()) else { throw Unreadable() }
      try cursor.expect(.closeParenthesis)
      attributes.modSequence = value
    } else if name.isName("INTERNALDATE") {
      guard let token = try cursor.nilOrString() else { return true }
      attributes.internalDate = InternalDate(token.raw)
      if attributes.internalDate == nil { noteUnreadable(name) }
    } else if name.isName("RFC822.SIZE") {
      let value = try cursor.number64()
      guard value <= UInt64(Int64.max) else { throw Unreadable() }
      attributes.rfc822Size = value
    } else if name.isName("EMAILID") {
      attributes.emailID = try cursor.objectID()
    } else if name.isName("THREADID") {
      if cursor.skipNIL() { return true }
      attributes.threadID = try cursor.objectID()
    } else if name.isName("X-GM-MSGID") {
      attributes.gmailMessageID = try cursor.number64()
    } else if name.isName("X-GM-THRID") {
      attributes.gmailThreadID = try cursor.number64()
    } else if name.isName("X-GM-LABELS") {
      attributes.gmailLabels = try labels()
    } else {
      return false
    }
    return true
  }

  private mutating func labels() throws(Unreadable) -> [MailboxName] {
    try cursor.expect(.openParenthesis)
    var result: [MailboxName] = []
    while true {
      cursor.skipSpaces()
      if cursor.skip(.closeParenthesis) { return result }
      guard result.count < limits.listItems else { throw Unreadable() }
      result.append(limits.mailboxName(try cursor.astring().bytes))
    }
  }

  private mutating func body(_ section: BodySection) throws(Unreadable) -> BodyBegin? {
    guard attributes.sections.count < limits.bodies else { throw Unreadable() }
    if cursor.skipNIL() {
      if attributes.nilSections.count < limits.bodies { attributes.nilSections.append(section.name) }
      return nil
    }
    let start = cursor.position
    let size: UInt64
    var token: StringToken?
    if cursor.peek == .quote {
      let value = try cursor.quoted()
      size = UInt64(value.hasEscapes ? value.bytes.count : value.raw.count)
      token = value
    } else {
      guard let announced = try cursor.literalHeader() else { throw Unreadable() }
      size = announced
      if !cursor.isAtEnd {
        cursor.position = start
        token = try cursor.string()
      }
    }
    let begin = BodyBegin(
      sequenceNumber: attributes.sequenceNumber, section: section.name, origin: section.origin, size: size,
      uidSoFar: attributes.uid)
    attributes.sections.append(FetchedSection(section: section.name, origin: section.origin, size: size))
    guard let token else { return begin }
    embedded.append((begin, token))
    return nil
  }
}

/// The name of an attribute whose value is a body: `BODY[HEADER]<0>`, `BINARY[1]`, `RFC822.TEXT`.
private struct BodySection {
  let name: String
  let origin: UInt64?

  init?(_ name: UnsafeRawBufferPointer) {
    guard let bracket = name.firstIndex(of: .openBracket) else {
      guard name.isName("RFC822") || name.isName("RFC822.HEADER") || name.isName("RFC822.TEXT") else { return nil }
      self.name = name.upperName
      origin = nil
      return
    }
    let kind = UnsafeRawBufferPointer(rebasing: name[..<bracket])
    guard kind.isName("BODY") || kind.isName("BINARY"), let end = name.lastIndex(of: .closeBracket) else { return nil }
    if bracket + 1 == end, kind.isName("BODY") {
      self.name = "BODY[]"
    } else {
      self.name = UnsafeRawBufferPointer(rebasing: name[...end]).upperName
    }
    var tail = Cursor(UnsafeRawBufferPointer(rebasing: name[(end + 1)...]))
    if tail.skip(UInt8(ascii: "<")) {
      do throws(Unreadable) { origin = try tail.number64() } catch { return nil }
    } else {
      origin = nil
    }
  }
}

extension Cursor {
  /// A FETCH attribute's name with its section, which may hold spaces and parentheses: `BODY[HEADER.FIELDS (TO)]<0>`.
  fileprivate mutating func attributeName() -> UnsafeRawBufferPointer {
    let start = position
    while let byte = peek, !byte.endsWord, byte != .openBracket, byte != .openBrace { position += 1 }
    guard peek == .openBracket else { return slice(from: start, to: position) }
    var isQuoted = false
    while let byte = peek {
      position += 1
      if byte == .quote { isQuoted.toggle() }
      if byte == .closeBracket, !isQuoted { break }
    }
    while let byte = peek, !byte.endsWord, byte != .openBrace { position += 1 }
    return slice(from: start, to: position)
  }

  /// `(M6d99ac3275bb4e)` (RFC 8474 section 7).
  mutating func objectID() throws(Unreadable) -> String {
    try expect(.openParenthesis)
    let word = word()
    try expect(.closeParenthesis)
    guard (1...255).contains(word.count), word.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw Unreadable() }
    return String(decoding: word, as: UTF8.self)
  }

  /// `(\Seen $Forwarded todo)`, and whether `\*` was among them.
  mutating func flags(limit: Int) throws(Unreadable) -> (set: FlagSet, allowsNew: Bool) {
    try expect(.openParenthesis)
    var set = FlagSet()
    var allowsNew = false
    var count = 0
    while true {
      skipSpaces()
      if skip(.closeParenthesis) { return (set, allowsNew) }
      let word = word()
      count += 1
      guard !word.isEmpty, count <= limit else { throw Unreadable() }
      if let flag = SystemFlags(wireName: word) {
        set.system.insert(flag)
      } else if word.isName("\\*") {
        allowsNew = true
      } else if !word.isName("\\RECENT") {
        guard word.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { throw Unreadable() }
        set.insert(keyword: String(decoding: word, as: UTF8.self))
      }
    }
  }
}

extension SystemFlags {
  fileprivate init?(wireName: UnsafeRawBufferPointer) {
    guard let first = wireName.first else { return nil }
    if first == .backslash {
      if wireName.isName("\\SEEN") {
        self = .seen
      } else if wireName.isName("\\ANSWERED") {
        self = .answered
      } else if wireName.isName("\\FLAGGED") {
        self = .flagged
      } else if wireName.isName("\\DELETED") {
        self = .deleted
      } else if wireName.isName("\\DRAFT") {
        self = .draft
      } else {
        return nil
      }
    } else if wireName.isName("$FORWARDED") {
      self = .forwarded
    } else {
      return nil
    }
  }
}
