import MailModel

/// Streaming response parser: takes the server's bytes in pieces of any size and gives events.
///
/// The problem: a response is a line, but a line may hold literals, whose bytes are anything, and among them are the
/// messages, which may be of any size. So the text of a response is gathered only up to a message's literal; what has
/// been read is then kept as values, the literal's bytes are passed on as they come, and the reading goes on behind
/// it. A line that lies whole in the input is read where it lies.
package struct ResponseParser {
  private enum Expected {
    case text
    /// Octets of a literal that is a part of the text.
    case literal(remaining: Int)
    /// Octets of a body, which are passed on.
    case body(remaining: UInt64)
  }

  private var limits: ResponseLimits
  private var expected = Expected.text
  /// Text of the current response that has not been read yet.
  private var gathered: [UInt8] = []
  /// Where in `gathered` the text after its last literal begins.
  private var segmentStart = 0
  private var inlineLiterals = 0
  /// Vain attempts to read the text before a literal that looks like a body.
  private var misleadingLiterals = 0
  /// What has been read of a FETCH response before the body that is under way or just ended.
  private var fetch: FetchedAttributes?
  private var failure: GrammarError?

  package init(limits: ResponseLimits = ResponseLimits()) { self.limits = limits }

  /// From the next response on, mailbox names are UTF-8 (RFC 6855).
  package mutating func namesAreUTF8(_ are: Bool) { limits.namesAreUTF8 = are }

  /// True between responses: an end of input here cuts nothing.
  package var isAtBoundary: Bool {
    guard case .text = expected else { return false }
    return gathered.isEmpty && fetch == nil
  }

  /// Calls `handle` for each event in order. Throws `GrammarError` for input that no reading can save, and from then
  /// on for any: the connection must be dropped, and a body that had begun has no end. What `handle` throws passes
  /// through and leaves the parser of no further use.
  package mutating func receive(_ bytes: UnsafeRawBufferPointer, _ handle: (ParserEvent) throws -> Void) throws {
    if let failure { throw failure }
    do {
      var position = 0
      while position < bytes.count { position = try step(bytes, from: position, handle) }
    } catch let error as GrammarError {
      failure = error
      gathered = []
      throw error
    }
  }

  /// Takes some of the bytes and returns where the rest begins.
  private mutating func step(
    _ bytes: UnsafeRawBufferPointer, from position: Int, _ handle: (ParserEvent) throws -> Void
  ) throws -> Int {
    let available = bytes.count - position
    switch expected {
    case .body(let remaining):
      let taken = Int(min(remaining, UInt64(available)))
      let left = remaining - UInt64(taken)
      expected = left == 0 ? .text : .body(remaining: left)
      try handle(.bodyBytes(UnsafeRawBufferPointer(rebasing: bytes[position..<(position + taken)])))
      if left == 0 { try handle(.bodyEnd) }
      return position + taken
    case .literal(let remaining):
      let taken = min(remaining, available)
      gathered += bytes[position..<(position + taken)]
      if taken == remaining {
        expected = .text
        segmentStart = gathered.count
      } else {
        expected = .literal(remaining: remaining - taken)
      }
      return position + taken
    case .text:
      guard let lineFeed = LineScan.lineFeed(in: bytes, from: position) else {
        gathered += bytes[position...]
        try checkLength(gathered.count - segmentStart - 1, of: gathered)
        return bytes.count
      }
      let line = UnsafeRawBufferPointer(rebasing: bytes[position...lineFeed])
      if gathered.isEmpty {
        if try !read(line, handle) { gathered += line }
      } else {
        gathered += line
        try readGathered(handle)
      }
      return lineFeed + 1
    }
  }

  private mutating func readGathered(_ handle: (ParserEvent) throws -> Void) throws {
    var text: [UInt8] = []
    swap(&text, &gathered)
    if try text.withUnsafeBytes({ try read($0, handle) }) {
      text.removeAll(keepingCapacity: text.capacity <= 65_536)
    }
    swap(&text, &gathered)
  }

  private func checkLength(_ count: Int, of text: some Collection<UInt8>) throws(GrammarError) {
    guard count > limits.line else { return }
    let head = Array(text.prefix(80))
    let isNumberList = head.withUnsafeBytes { LineScan.isNumberList($0) } && fetch == nil
    if count > (isNumberList ? limits.longLine : limits.line) {
      throw .lineTooLong(excerpt: ServerText.sanitized(head))
    }
  }

  /// Reads text that ends in a line end. False when the response goes on in a literal that belongs to the text, which
  /// is then to be gathered.
  private mutating func read(
    _ line: UnsafeRawBufferPointer, _ handle: (ParserEvent) throws -> Void
  ) throws -> Bool {
    var end = line.count - 1
    if end > 0, line[end - 1] == .carriageReturn { end -= 1 }
    let text = UnsafeRawBufferPointer(rebasing: line[..<end])
    try checkLength(end - segmentStart, of: text)
    if text.last == .closeBrace, fetch != nil || LineScan.canHoldLiterals(text),
      let literal = try LineScan.literal(endOf: text, from: segmentStart)
    {
      if LineScan.endsInsideQuotes(text, from: segmentStart, to: literal.start) {
        throw GrammarError.unreadableLine(excerpt: text.excerpt)
      }
      if try beginBody(text, literal, handle) { return true }
      try beginInlineLiteral(literal, after: line.count)
      return false
    }
    try finish(text, handle)
    return true
  }

  /// Reads a FETCH response up to a body's literal; false when the literal is none.
  private mutating func beginBody(
    _ text: UnsafeRawBufferPointer, _ literal: LineScan.Literal, _ handle: (ParserEvent) throws -> Void
  ) throws -> Bool {
    guard LineScan.looksLikeBody(text, before: literal.start), var reader = fetchReader(text) else { return false }
    let end: FetchReader.End
    do throws(Unreadable) { end = try reader.read() } catch {
      misleadingLiterals += 1
      guard misleadingLiterals <= 100 else { throw GrammarError.tooManyLiterals }
      return false
    }
    guard case .body(let begin) = end else { return false }
    guard begin.size <= limits.body else {
      throw GrammarError.bodyTooLarge(octets: begin.size, uid: reader.attributes.uid)
    }
    for body in reader.embedded { try emit(body.begin, body.value, handle) }
    fetch = reader.attributes
    segmentStart = 0
    expected = begin.size == 0 ? .text : .body(remaining: begin.size)
    try handle(.bodyBegin(begin))
    if begin.size == 0 { try handle(.bodyEnd) }
    return true
  }

  private mutating func beginInlineLiteral(_ literal: LineScan.Literal, after textLength: Int) throws(GrammarError) {
    guard literal.size <= UInt64(limits.inlineLiteral) else { throw .literalTooLarge(octets: literal.size) }
    inlineLiterals += 1
    guard inlineLiterals <= limits.inlineLiterals else { throw .tooManyLiterals }
    guard textLength + Int(literal.size) <= limits.response else {
      throw .literalTooLarge(octets: literal.size)
    }
    segmentStart = textLength
    expected = literal.size == 0 ? .text : .literal(remaining: Int(literal.size))
  }

  /// Reads the last of a response's text.
  private mutating func finish(
    _ text: UnsafeRawBufferPointer, _ handle: (ParserEvent) throws -> Void
  ) throws {
    segmentStart = 0
    inlineLiterals = 0
    misleadingLiterals = 0
    guard var reader = fetchReader(text) else {
      var reader = ResponseReader(text, limits: limits)
      if let response = try reader.response() { try handle(.response(response)) }
      return
    }
    fetch = nil
    do throws(Unreadable) {
      guard case .complete = try reader.read() else { throw Unreadable() }
    } catch {
      let malformed = MalformedResponse(kind: "FETCH", excerpt: text.excerpt, uid: reader.attributes.uid)
      try handle(.response(.untagged(.malformed(malformed))))
      return
    }
    for body in reader.embedded { try emit(body.begin, body.value, handle) }
    try handle(.response(.untagged(.fetch(reader.attributes))))
  }

  private func emit(
    _ begin: BodyBegin, _ value: StringToken, _ handle: (ParserEvent) throws -> Void
  ) throws {
    try handle(.bodyBegin(begin))
    if value.hasEscapes {
      try value.bytes.withUnsafeBytes { try handle(.bodyBytes($0)) }
    } else if value.raw.count > 0 {
      try handle(.bodyBytes(value.raw))
    }
    try handle(.bodyEnd)
  }

  /// A reader behind `* 12 FETCH (`, or behind the body that has just ended; nil when this is no FETCH response.
  private func fetchReader(_ text: UnsafeRawBufferPointer) -> FetchReader? {
    if let fetch { return FetchReader(Cursor(text), attributes: fetch, limits: limits) }
    guard text.count > 10, text[0] == .star, text[1] == .space else { return nil }
    var cursor = Cursor(text)
    cursor.position = 1
    cursor.skipSpaces()
    do throws(Unreadable) {
      let number = try cursor.nonZero32()
      cursor.skipSpaces()
      guard cursor.word().isName("FETCH") else { return nil }
      cursor.skipSpaces()
      try cursor.expect(.openParenthesis)
      return FetchReader(cursor, attributes: FetchedAttributes(sequenceNumber: number), limits: limits)
    } catch {
      return nil
    }
  }
}
