import POP3Protocol
import Testing

/// What a parser gave, with the pieces of each message put together.
struct Outcome: Equatable {
  enum Seen: Equatable {
    case reply(Reply)
    case challenge([UInt8])
    case line([UInt8])
    case overlong(Int)
    case message([UInt8])
    case end
  }

  var seen: [Seen] = []
  var error: ReplyError?
  var isAtBoundary = true

  var messages: [[UInt8]] { seen.compactMap { if case .message(let bytes) = $0 { bytes } else { nil } } }
  var lines: [String] {
    seen.compactMap { if case .line(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { nil } }
  }
  var replies: [Reply] { seen.compactMap { if case .reply(let reply) = $0 { reply } else { nil } } }
}

/// Parses input in pieces of the given lengths, the last of which goes on to the end.
func parse(_ bytes: [UInt8], _ shapes: [ReplyShape], pieces: some Sequence<Int>) -> Outcome {
  var parser = ReplyParser()
  for shape in shapes { parser.expect(shape) }
  var outcome = Outcome()
  var start = 0
  var lengths = Array(pieces)[...]
  while start < bytes.count, outcome.error == nil {
    let end = min(bytes.count, start + max(1, lengths.popFirst() ?? bytes.count))
    do {
      // A copy of the piece, so that reading beyond it is seen by the address sanitizer.
      try Array(bytes[start..<end]).withUnsafeBytes { piece in
        try parser.receive(piece) { event in
          switch event {
          case .reply(let reply, _): outcome.seen.append(.reply(reply))
          case .challenge(let bytes): outcome.seen.append(.challenge(Array(bytes)))
          case .line(let bytes): outcome.seen.append(.line(Array(bytes)))
          case .overlongLine(let bytes): outcome.seen.append(.overlong(bytes.count))
          case .message(let bytes):
            if case .message(let before)? = outcome.seen.last {
              outcome.seen[outcome.seen.count - 1] = .message(before + bytes)
            } else {
              outcome.seen.append(.message(Array(bytes)))
            }
          case .end: outcome.seen.append(.end)
          }
        }
      }
    } catch {
      outcome.error = error as? ReplyError
      #expect(outcome.error != nil)
    }
    start = end
  }
  outcome.isAtBoundary = parser.isAtBoundary
  return outcome
}

/// Parses input behind a greeting whole, byte by byte, cut everywhere in two and cut at random, and expects the same of
/// each. What is returned has no greeting.
func feed(
  _ bytes: [UInt8], _ shapes: [ReplyShape], sourceLocation: SourceLocation = #_sourceLocation
) -> Outcome {
  let input = Array("+OK hi\r\n".utf8) + bytes
  var whole = parse(input, shapes, pieces: [])
  func expectSame(_ other: Outcome, _ how: String) {
    #expect(other.seen == whole.seen, "\(how)", sourceLocation: sourceLocation)
    #expect(other.error == whole.error, "\(how)", sourceLocation: sourceLocation)
    #expect(other.isAtBoundary == whole.isAtBoundary || whole.error != nil, "\(how)", sourceLocation: sourceLocation)
  }
  if input.count <= 20_000 { expectSame(parse(input, shapes, pieces: input.map { _ in 1 }), "byte by byte") }
  if input.count <= 200 { for cut in 1..<input.count { expectSame(parse(input, shapes, pieces: [cut]), "at \(cut)") } }
  for _ in 0..<3 {
    let seed = UInt64.random(in: .min ... .max)
    var random = SplitMix(seed: seed)
    let longest = max(2, input.count / 3)
    let pieces = (0..<100).map { _ in Int.random(in: 1...longest, using: &random) }
    expectSame(parse(input, shapes, pieces: pieces), "seed \(seed)")
  }
  whole.seen.removeFirst()
  return whole
}

/// Lines with LF here and CRLF on the wire.
func feed(_ text: String, _ shapes: ReplyShape..., sourceLocation: SourceLocation = #_sourceLocation) -> Outcome {
  feed(wire(text), shapes, sourceLocation: sourceLocation)
}

func wire(_ text: String) -> [UInt8] { text.utf8.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] } }

/// What a server makes of a message (RFC 1939 section 3): dots doubled at the beginning of lines that end in CRLF, a
/// line end at the end, a dot.
func stuffed(_ message: [UInt8]) -> [UInt8] {
  var output: [UInt8] = []
  var isLineStart = true
  for (index, byte) in message.enumerated() {
    if isLineStart, byte == UInt8(ascii: ".") { output.append(byte) }
    output.append(byte)
    isLineStart = byte == 0x0A && index > 0 && message[index - 1] == 0x0D
  }
  return output + (isLineStart ? [] : [0x0D, 0x0A]) + Array(".\r\n".utf8)
}

struct SplitMix: RandomNumberGenerator {
  var seed: UInt64

  mutating func next() -> UInt64 {
    seed &+= 0x9E37_79B9_7F4A_7C15
    var value = seed
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
