import IMAPProtocol
import Testing

/// What a parser gave, with the pieces of each body put together.
struct Outcome: Equatable {
  enum Seen: Equatable {
    case response(Response)
    case body(BodyBegin, [UInt8], isWhole: Bool)
  }

  var seen: [Seen] = []
  var error: GrammarError?
  var isAtBoundary = true

  var responses: [Response] {
    seen.compactMap { if case .response(let response) = $0 { response } else { nil } }
  }

  var untagged: [Untagged] {
    responses.compactMap { if case .untagged(let data) = $0 { data } else { nil } }
  }

  var fetches: [FetchedAttributes] {
    untagged.compactMap { if case .fetch(let attributes) = $0 { attributes } else { nil } }
  }

  var bodies: [[UInt8]] {
    seen.compactMap { if case .body(_, let bytes, _) = $0 { bytes } else { nil } }
  }

  var malformed: [MalformedResponse] {
    untagged.compactMap { if case .malformed(let response) = $0 { response } else { nil } }
  }

  var text: ResponseText? {
    switch responses.last {
    case .tagged(let tagged): tagged.text
    case .untagged(.condition(_, let text)): text
    default: nil
    }
  }
}

/// Parses input in pieces of the given lengths, the last of which goes on to the end.
func parse(_ bytes: [UInt8], pieces: some Sequence<Int>, limits: ResponseLimits = ResponseLimits()) -> Outcome {
  var parser = ResponseParser(limits: limits)
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
          case .response(let response): outcome.seen.append(.response(response))
          case .bodyBegin(let begin): outcome.seen.append(.body(begin, [], isWhole: false))
          case .bodyBytes(let bytes):
            guard case .body(let begin, let before, false)? = outcome.seen.popLast() else { break }
            outcome.seen.append(.body(begin, before + bytes, isWhole: false))
          case .bodyEnd:
            guard case .body(let begin, let bytes, false)? = outcome.seen.popLast() else { break }
            outcome.seen.append(.body(begin, bytes, isWhole: true))
          }
        }
      }
    } catch {
      outcome.error = error as? GrammarError
      #expect(outcome.error != nil)
    }
    start = end
  }
  outcome.isAtBoundary = parser.isAtBoundary
  return outcome
}

/// Parses input whole, byte by byte and cut at random, and expects the same of each.
func feed(
  _ bytes: [UInt8], limits: ResponseLimits = ResponseLimits(), sourceLocation: SourceLocation = #_sourceLocation
) -> Outcome {
  let whole = parse(bytes, pieces: [], limits: limits)
  func expectSame(_ other: Outcome, _ how: String) {
    #expect(other.seen == whole.seen, "\(how)", sourceLocation: sourceLocation)
    #expect(other.error == whole.error, "\(how)", sourceLocation: sourceLocation)
    #expect(other.isAtBoundary == whole.isAtBoundary || whole.error != nil, "\(how)", sourceLocation: sourceLocation)
  }
  if bytes.count <= 20_000 { expectSame(parse(bytes, pieces: bytes.map { _ in 1 }, limits: limits), "byte by byte") }
  for _ in 0..<3 {
    let seed = UInt64.random(in: .min ... .max)
    var random = SplitMix(seed: seed)
    let longest = max(2, bytes.count / 3)
    let pieces = (0..<100).map { _ in Int.random(in: 1...longest, using: &random) }
    expectSame(parse(bytes, pieces: pieces, limits: limits), "seed \(seed)")
  }
  return whole
}

/// Lines with LF here and CRLF on the wire.
func feed(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> Outcome {
  feed(wire(text), sourceLocation: sourceLocation)
}

func wire(_ text: String) -> [UInt8] { text.utf8.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] } }

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
