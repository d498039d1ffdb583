import Testing

@testable import Daemon

@Suite("Sender and subject for people")
struct MessageHeadingTests {
  @Test(
    "encoded words (RFC 2047)",
    arguments: [
      ("plain text", "plain text"),
      ("=?ISO-8859-1?Q?a?=", "a"),
      ("=?ISO-8859-1?Q?a?= b", "a b"),
      ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
      ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
      ("=?ISO-8859-1?Q?a_b?=", "a b"),
      ("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
      ("=?utf-8?q?K=C3=B6ln?= <a@b>", "Köln <a@b>"),
      ("=?UTF-8?B?S8O2bG4=?=", "Köln"),
      ("=?utf-8?q?K=C3?= =?utf-8?q?=B6ln?=", "Köln"),
      ("=?utf-8*de?q?K=C3=B6ln?=", "Köln"),
      ("=?windows-1252?Q?=80?=", "€"),
      ("=?x-unknown?Q?a?= b", "=?x-unknown?Q?a?= b"),
      ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
      ("=?utf-8?Q?open", "=?utf-8?Q?open"),
      ("=?utf-8?B?%%%?=", "=?utf-8?B?%%%?="),
      ("=?", "=?"), ("", ""),
    ])
  func encodedWords(_ written: String, _ read: String) {
    #expect(EncodedWords.decode(written) == read)
  }

  @Test("folded headers, the first of each, nothing from the body")
  func headers() {
    let text = """
      Received: x
      Subject: one
       two
      From: =?utf-8?q?J=C3=BCrgen?= <j@x>
      Subject: another

      From: body
      """
    #expect(MessageHeading(header: text.utf8) == MessageHeading(from: "Jürgen <j@x>", subject: "one two"))
  }

  @Test("S11 no headers, no colon, bytes that are no text")
  func odd() {
    #expect(MessageHeading(header: "\nbody".utf8) == MessageHeading())
    #expect(MessageHeading(header: "no header\nSubject: x\n".utf8) == MessageHeading())
    #expect(MessageHeading(header: Array("Subject: \u{0}".utf8) + [0xFF, 0x0A]).subject == "\u{0}\u{FFFD}")
    #expect(MessageHeading(header: [UInt8](repeating: 0x3A, count: 70_000)) == MessageHeading())
  }
}
