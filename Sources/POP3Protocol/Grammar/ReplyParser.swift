import MailModel

/// Cuts what a POP3 server sends into replies. The stream alone does not tell how far a reply reaches, so each command
/// is announced with `expect` in the order of sending.
///
/// Lines may end in LF alone; the end and the stuffing of a message are then a question, see `DotUnstuffer`. A line is
/// gathered up to `longestLine` octets; messages are never gathered.
package struct ReplyParser {
  private enum Place {
    case reply
    case lines
    case message(DotUnstuffer)
  }

  private var expected: [ReplyShape]
  private var place = Place.reply
  /// A line whose end has not come, cut at `longestLine`.
  private var begun: [UInt8] = []
  private var isOverlong = false

  /// Further lines of the reply so far.
  private var lineCount = 0

  package static let longestLine = 64 << 10
  /// More further lines than this are an answer without an end.
  package static let mostLines = 2 * ListingLine.largestNumber

  /// The first reply is the greeting.
  package init() { expected = [.single] }

  package mutating func expect(_ shape: ReplyShape) { expected.append(shape) }

  /// Nothing is under way or waited for.
  package var isAtBoundary: Bool { expected.isEmpty && begun.isEmpty }

  /// - Throws: `ReplyError`, after which nothing more can be read, and what `handle` throws.
  package mutating func receive(
    _ bytes: UnsafeRawBufferPointer, _ handle: (ReplyEvent) throws -> Void
  ) throws {
    var rest = bytes
    while !rest.isEmpty {
      let done =
        if case .message(let unstuffer) = place {
          try receive(rest, unstuffer, handle)
        } else {
          try receiveLine(rest, handle)
        }
      rest = UnsafeRawBufferPointer(rebasing: rest[done...])
    }
  }

  private mutating func receive(
    _ bytes: UnsafeRawBufferPointer, _ unstuffer: DotUnstuffer, _ handle: (ReplyEvent) throws -> Void
  ) throws -> Int {
    var unstuffer = unstuffer
    let done = try unstuffer.receive(bytes) { try handle(.message($0)) }
    place = .message(unstuffer)
    if unstuffer.isAtEnd { try end(handle) }
    return done
  }

  /// Takes the octets up to the end of a line, or all.
  private mutating func receiveLine(
    _ bytes: UnsafeRawBufferPointer, _ handle: (ReplyEvent) throws -> Void
  ) throws -> Int {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
      try gather(bytes)
      return bytes.count
    }
    let piece = UnsafeRawBufferPointer(rebasing: bytes[..<end])
    if begun.isEmpty, !isOverlong, piece.count <= Self.longestLine {
      try take(piece, handle)
    } else {
      try gather(piece)
      let line = begun
      begun = []
      try line.withUnsafeBytes { try take($0, handle) }
    }
    return end + 1
  }

  private mutating func gather(_ bytes: UnsafeRawBufferPointer) throws {
    let room = Self.longestLine - begun.count
    begun += bytes.prefix(room)
    guard bytes.count > room else { return }
    isOverlong = true
    guard case .lines = place else { throw ReplyError.tooLong(excerpt: Self.excerpt(begun)) }
  }

  /// `whole` may have a CR at its end.
  private mutating func take(_ whole: UnsafeRawBufferPointer, _ handle: (ReplyEvent) throws -> Void) throws {
    let hasCR = whole.last == UInt8(ascii: "\r")
    let line = UnsafeRawBufferPointer(rebasing: hasCR ? whole.dropLast() : whole[...])
    if case .lines = place {
      lineCount += 1
      guard lineCount <= Self.mostLines else { throw ReplyError.endless(excerpt: Self.excerpt(line)) }
    }
    switch place {
    case .reply: try takeReply(line, hasCR: hasCR, handle)
    case .lines where isOverlong:
      isOverlong = false
      try handle(.overlongLine(line))
    case .lines where line.count == 1 && line[0] == UInt8(ascii: "."): try end(handle)
    case .lines:
      let isStuffed = line.first == UInt8(ascii: ".")
      try handle(.line(UnsafeRawBufferPointer(rebasing: isStuffed ? line.dropFirst() : line[...])))
    case .message: preconditionFailure("a message has no lines here")
    }
  }

  private mutating func takeReply(
    _ line: UnsafeRawBufferPointer, hasCR: Bool, _ handle: (ReplyEvent) throws -> Void
  ) throws {
    guard let shape = expected.first else { throw ReplyError.notAskedFor(excerpt: Self.excerpt(line)) }
    if shape == .exchange, line.first == UInt8(ascii: "+"), line.count == 1 || line[1] == UInt8(ascii: " ") {
      expected.removeFirst()
      return try handle(.challenge(UnsafeRawBufferPointer(rebasing: line.dropFirst(2))))
    }
    guard let reply = Reply(line: line) else { throw ReplyError.noReply(excerpt: Self.excerpt(line)) }
    switch shape {
    case .lines where reply.isOK:
      place = .lines
      lineCount = 0
    case .message where reply.isOK: place = .message(DotUnstuffer(linesEndInLF: !hasCR))
    case .single, .lines, .message, .exchange: expected.removeFirst()
    }
    try handle(.reply(reply, line: line))
  }

  private mutating func end(_ handle: (ReplyEvent) throws -> Void) throws {
    expected.removeFirst()
    place = .reply
    try handle(.end)
  }

  private static func excerpt(_ bytes: some Collection<UInt8>) -> String { ServerText.sanitized(bytes.prefix(80)) }
}
