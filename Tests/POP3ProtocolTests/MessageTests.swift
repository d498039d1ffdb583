import Glibc
import Testing

@testable import POP3Protocol

@Suite struct MessageTests {
  @Test(
    "P1 dots at the beginning of lines, lone dots, at every cut",
    arguments: [
      "a\r\n", "\r\n", ".\r\n", "..\r\n", "...\r\n", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n", ".a\r\n.b\r\n",
      "\r\n.\r\n\r\n",
      "a\n.\nb\r\n", "a\n..\nb\r\n", "a\n.\r\nb\r\n", "a\r.\r\nb\r\n", "\r\r\n.\r\n", "a\r\r\n", ".\r.\r\n", ".\n\r\n",
      "a\0b\r\n",
    ])
  func dots(_ text: String) {
    let message = Array(text.utf8)
    let outcome = feed(wire("+OK 9 octets\n") + stuffed(message) + wire("+OK next\n"), [.message, .single])
    #expect(outcome.messages == [message])
    #expect(outcome.replies.last?.text.text == "next")
    #expect(outcome.isAtBoundary)
  }

  @Test("an empty message, and one whose last line has no end, which the protocol gives it") func ends() {
    #expect(feed(wire("+OK\n.\n"), [.message]).seen == [.reply(Reply(isOK: true)), .end])
    #expect(feed(wire("+OK\n") + stuffed(Array("no end".utf8)), [.message]).messages == [Array("no end\r\n".utf8)])
  }

  @Test("P3 a message that is cut has no end") func cut() {
    for text in ["+OK\na", "+OK\na\n", "+OK\na\n.", "+OK\na\n.\r"] {
      let outcome = feed(wire(text), [.message])
      #expect(!outcome.seen.contains(.end))
      #expect(!outcome.isAtBoundary)
    }
  }

  /// A server that stuffs after CRLF alone sends this body as it is; read line by line at LF it would end early.
  @Test("a bare LF, a dot and a bare LF do not end a message and hide no replies in it") func smuggling() {
    let body = Array("a\n.\n+OK 1\n-ERR\r\nb\r\n".utf8)
    let outcome = feed(wire("+OK\n") + stuffed(body) + wire("+OK\n"), [.message, .single])
    #expect(outcome.messages == [body])
    #expect(outcome.replies.count == 2)
  }

  @Test("a server whose replies end in LF alone ends messages so, too") func bareLF() {
    let outcome = feed(Array("+OK\na\n..b\n\r\n..\n.\n+OK\n".utf8), [.message, .single])
    #expect(outcome.messages == [Array("a\n.b\n\r\n.\n".utf8)])
    #expect(outcome.replies.count == 2)
  }

  @Test("a dot that no stuffing put there goes, RFC 1939 section 3") func unstuffedDot() {
    #expect(feed(wire("+OK\n.a\n.\n"), [.message]).messages == [Array("a\r\n".utf8)])
  }

  @Test("random messages of what matters, cut at random, come as they were") func random() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SplitMix(seed: seed)
    let alphabet = Array("..\r\r\n\n\r\nab\0".utf8)
    for round in 0..<3_000 {
      var message = (0..<Int.random(in: 0...40, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0
      }
      if !message.isEmpty { message += [13, 10] }
      let input = Array("+OK x\r\n+OK\r\n".utf8) + stuffed(message) + Array("-ERR\r\n".utf8)
      let pieces = (0..<input.count).map { _ in Int.random(in: 1...5, using: &random) }
      let outcome = parse(input, [.message, .single], pieces: pieces)
      #expect(outcome.messages == (message.isEmpty ? [] : [message]), "seed \(seed), round \(round)")
      #expect(outcome.replies.count == 3 && outcome.isAtBoundary, "seed \(seed), round \(round)")
    }
  }

  @Test("random octets neither crash the parser nor depend on the cuts") func nonsense() {
    let seed = getenv("MAILMIRROR_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: .min ... .max)
    print("random octets: MAILMIRROR_SEED=\(seed)")
    var random = SplitMix(seed: seed)
    let alphabet = Array("+OK-ERR .\r\n\r\n[]1 2".utf8)
    for _ in 0..<300 {
      let bytes = (0..<Int.random(in: 1...80, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 }
      _ = feed(bytes, [.lines, .message, .exchange, .single, .message])
    }
  }
}
