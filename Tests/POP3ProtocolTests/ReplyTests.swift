import MailModel
import Testing

@testable import POP3Protocol

@Suite struct ReplyTests {
  @Test(
    "statuses, codes and texts",
    arguments: [
      ("+OK", true, nil, ""),
      ("+OK 2 320", true, nil, "2 320"),
      ("+ok fine", true, nil, "fine"),
      ("-ERR", false, nil, ""),
      (
        "-ERR [IN-USE] Do you have another POP session running?", false, .inUse,
        "Do you have another POP session running?"
      ),
      ("-ERR [LOGIN-DELAY] wait", false, .loginDelay, "wait"),
      ("-ERR [SYS/TEMP] a", false, .systemTemporary, "a"),
      ("-ERR [sys/perm] a", false, .systemPermanent, "a"),
      ("-ERR [SYS/NEW] a", false, .systemTemporary, "a"),
      ("-ERR [AUTH] a", false, .authentication, "a"),
      ("-ERR [UTF8] a", false, .utf8, "a"),
      ("-ERR [X/Y]", false, .other("X/Y"), ""),
      ("-ERR [] a", false, nil, "a"),
      ("-ERR [no end", false, nil, "[no end"),
      ("-ERR a\u{1B}[31m\u{7}%n", false, nil, "a[31m%n"),
    ] as [(String, Bool, ReplyCode?, String)])
  func statuses(_ line: String, isOK: Bool, code: ReplyCode?, text: String) {
    let outcome = feed(Array(line.utf8) + [13, 10], [.single])
    #expect(outcome.seen == [.reply(Reply(isOK: isOK, text: ReplyText(code: code, text: text)))])
    #expect(outcome.isAtBoundary)
  }

  @Test(
    "what is no reply, or was not asked for, ends all",
    arguments: ["+", "+OKAY", "* OK", "", "OK", "+OK\tx", "HTTP/1.1 400"])
  func nonsense(_ line: String) {
    #expect(feed(Array(line.utf8) + [13, 10], [.single]).error != nil)
    #expect(feed("+OK\n-ERR bye\n", .single).error == .notAskedFor(excerpt: "-ERR bye"))
  }

  @Test("S27 long texts are cut, endless lines end the session, bad UTF-8 is replaced")
  func longTexts() {
    let long = feed(Array("-ERR ".utf8) + Array(repeating: 0xFF, count: 50_000) + [13, 10], [.single])
    #expect(long.replies.first?.text.text.count == ServerText.maxCharacters)
    let endless = feed(Array("-ERR ".utf8) + Array(repeating: 0x61, count: 100_000), [.single])
    #expect(endless.error == .tooLong(excerpt: "-ERR " + String(repeating: "a", count: 75)))
  }

  @Test("listings: unstuffed, ended by a dot, with LF alone as well; none after -ERR")
  func listings() {
    #expect(feed("+OK\n1 120\n..x\n2 200\n.\n", .lines).lines == ["1 120", ".x", "2 200"])
    #expect(feed(Array("+OK\n1 a\n.\n+OK\n".utf8), [.lines, .single]).seen.count == 4)
    #expect(feed("-ERR no\n+OK\n", .lines, .single).replies.map(\.isOK) == [false, true])
    #expect(feed("+OK\n.\n", .lines).seen == [.reply(Reply(isOK: true)), .end])
  }

  @Test("S3 a line of 1 MB in a listing costs that line, bounded, and nothing else")
  func overlongLine() {
    let line = Array("2 ".utf8) + Array(repeating: UInt8(ascii: "x"), count: 1 << 20)
    let outcome = feed(wire("+OK\n1 a\n") + line + wire("\n3 c\n.\n"), [.lines])
    #expect(outcome.lines == ["1 a", "3 c"])
    #expect(outcome.seen.contains(.overlong(ReplyParser.longestLine)))
    #expect(outcome.isAtBoundary)
  }

  @Test("challenges") func challenges() {
    #expect(feed("+ \n", .exchange).seen == [.challenge([])])
    #expect(feed("+\n", .exchange).seen == [.challenge([])])
    #expect(
      feed("+ YQ==\n+OK\n", .exchange, .exchange).seen == [.challenge(Array("YQ==".utf8)), .reply(Reply(isOK: true))])
    #expect(feed("+ YQ==\n", .single).error != nil)
  }

  @Test(
    "lines of listings",
    arguments: [
      ("1 120", 1, "120"), ("  7\t x y  ", 7, "x y"), ("3", 3, ""), ("4 ", 4, ""), ("1000000 a", 1_000_000, "a"),
      ("0 a", nil, ""), ("1000001 a", nil, ""), ("-1 a", nil, ""), ("a 1", nil, ""), ("", nil, ""), ("1x 2", nil, ""),
      ("99999999999999999999 a", nil, ""),
    ] as [(String, Int?, String)])
  func listingLines(_ line: String, number: Int?, rest: String) {
    Array(line.utf8).withUnsafeBytes { bytes in
      let listed = ListingLine(bytes)
      #expect(listed?.number == number)
      if let listed { #expect(String(decoding: listed.rest, as: UTF8.self) == rest) }
    }
  }

  @Test("sizes and numbers, the impossible ones too") func numbers() {
    func size(_ line: String) -> UInt64? { Array(line.utf8).withUnsafeBytes { ListingLine($0)?.size } }
    #expect(size("1 120 octets") == 120)
    #expect(size("1 9223372036854775807") == UInt64(Int64.max))
    #expect(size("1 -5") == nil)
    #expect(size("1 99999999999999999999") == nil)
    #expect(Reply.numbers(2, in: Array("+OK 2 320".utf8)) == [2, 320])
    #expect(Reply.numbers(2, in: Array("+OK 2".utf8)) == [2])
    #expect(Reply.numbers(1, in: Array("+OK message follows".utf8)) == [])
    #expect(Reply.numbers(2, in: Array("+OK".utf8)) == [])
  }

  @Test("S3 unique-ids: 1 to 70 visible characters, everything else is known by its digest") func uniqueIDs() throws {
    #expect(UniqueID(Array("QhdPYR:00WBw1Ph7x7".utf8))?.description == "QhdPYR:00WBw1Ph7x7")
    #expect(UniqueID(Array("../../x".utf8))?.description == "../../x")
    for bad in ["", "a b", "a\u{0}b", "ä", String(repeating: "x", count: 71)] {
      #expect(UniqueID(Array(bad.utf8)) == nil)
    }
    let digest = try #require(Digest(Array(repeating: UInt8(0xAB), count: 32)))
    let irregular = UniqueID(digestOfIrregular: digest)
    #expect(irregular.bytes.count == UniqueID.longest + 1)
    #expect(UniqueID(irregular.bytes) == nil)
    #expect(UniqueID(kept: irregular.bytes) == irregular)
  }

  @Test("capabilities, RFC 2449 section 5") func capabilities() {
    var set = ServerCapabilities()
    for line in [
      "TOP", "user", "SASL CRAM-MD5 plain", "LOGIN-DELAY 900", "PIPELINING", "EXPIRE 60", "UIDL", "RESP-CODES",
      "IMPLEMENTATION Shlemazle-Plotz-v302", "", " ", "STLS",
    ] { set.add(line: Array(line.utf8)) }
    #expect(set.hasTop && set.hasUser && set.hasPipelining && set.hasUniqueIDs && set.hasReplyCodes && set.hasStartTLS)
    #expect(!set.hasUTF8 && !set.hasLanguages && !set.hasAuthenticationCode && !set.mayChangeAtLogin)
    #expect(set.authenticationMechanisms == ["CRAM-MD5", "PLAIN"])
    #expect(set.loginDelay == 900)
    #expect(set.expiry == .days(60))
    #expect(set.implementation == "Shlemazle-Plotz-v302")
    set.add(line: Array("EXPIRE 5 USER".utf8))
    #expect(set.mayChangeAtLogin)
    set.add(line: Array("EXPIRE NEVER".utf8))
    #expect(set.expiry == .never)
    for number in 0..<10_000 { set.add(line: Array("X-\(number)".utf8)) }
    #expect(set.sorted.count <= 200)
    set.add(line: Array("LOGIN-DELAY 99999999".utf8))
    #expect(ServerCapabilities(["LOGIN-DELAY 99999999"]).loginDelay == 86_400)
    #expect(ServerCapabilities(["LOGIN-DELAY -5"]).loginDelay == nil)
  }

  @Test(
    "P13 pauses by code, else in words",
    arguments: [
      ("[IN-USE] x", .inUse, nil), ("[LOGIN-DELAY] minimum time between mail checks: 5 minutes", .loginDelay, 300),
      ("[SYS/TEMP] x", .temporary, nil), ("[SYS/PERM] try again later", nil, nil), ("[AUTH] too many", nil, nil),
      ("maildrop already locked", .inUse, nil),
      ("Unable to lock maildrop: Mailbox is locked by POP server", .inUse, nil),
      ("login allowed only every 15 minutes", .loginDelay, 900),
      ("Exceeded the login limit for a 15 minute period. Reduce it.", .loginDelay, 900),
      ("minimum time between mail checks violation", .loginDelay, nil), ("Unable to lock maildrop", .inUse, nil),
      ("Temporary server problem", .temporary, nil),
      ("Try again in 2 hours, too many logins", .temporary, 7_200), ("account is locked, call us", nil, nil),
      ("invalid user name or password", nil, nil), ("[X-ODD] Too many connections", .temporary, nil),
      ("too frequent, wait 99999999999 seconds", .loginDelay, 86_400),
    ] as [(String, PauseReason?, Int?)])
  func pauses(_ text: String, reason: PauseReason?, seconds: Int?) throws {
    let reply = try #require(Reply(line: Array("-ERR \(text)".utf8)))
    #expect(reply.text.pauseReason == reason)
    #expect(reply.text.secondsInWords == seconds || reason == nil)
  }
}

extension ServerCapabilities {
  init(_ lines: [String]) {
    self.init()
    for line in lines { add(line: Array(line.utf8)) }
  }
}
