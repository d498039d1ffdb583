import Crypto
import MailModel
import SASL
import Testing

@testable import POP3Protocol

@Suite struct SignInTests {
  @Test("USER and PASS, whole and octet by octet", arguments: [Int.max, 1]) func userAndPass(step: Int) throws {
    var script = Script(step: step)
    #expect(try script.says("+OK ready") == ["CAPA\n"])
    #expect(try script.says("+OK list\nUSER\n\(ready).") == ["<password>"])
    #expect(script.password() == ["USER user\n"])
    #expect(try script.says("+OK") == ["PASS pencil\n"])
    #expect(try script.says("+OK 3 messages") == ["<established>"])
    #expect(script.facts?.1.mechanism == "USER")
    #expect(script.facts?.1.greeting == "ready")
  }

  @Test("PLAIN before USER inside TLS; CAPA again where the login may change it") func plain() throws {
    var script = Script()
    _ = try script.says("+OK ready")
    #expect(try script.says("+OK\nUSER\nSASL PLAIN CRAM-MD5\n.") == ["<password>"])
    #expect(script.password() == ["AUTH PLAIN AHVzZXIAcGVuY2ls\n"])
    #expect(try script.says("+OK in") == ["CAPA\n"])
    #expect(try script.says("+OK\nUIDL\nEXPIRE 0\n.") == ["<established>"])
    #expect(script.facts?.0.hasUniqueIDs == true)
    #expect(script.facts?.0.expiry == .days(0))
  }

  @Test("a server without CAPA gets USER and PASS, and is asked again, for some answer then") func noCapabilities()
    throws
  {
    var script = Script()
    _ = try script.says("+OK ready")
    #expect(try script.says("-ERR unknown command") == ["<password>"])
    _ = script.password()
    _ = try script.says("+OK")
    #expect(try script.says("+OK") == ["CAPA\n"])
    #expect(try script.says("-ERR unknown command") == ["<established>"])
    #expect(script.facts?.0.isEmpty == true)
  }

  @Test("STLS: what was said before it counts no more", arguments: [Int.max, 1]) func startTLS(step: Int) throws {
    var script = Script(.startTLS, mechanisms: nil, step: step)
    #expect(try script.says("+OK ready <1.2@x>") == ["CAPA\n"])
    #expect(try script.says("+OK\nSTLS\nSASL PLAIN\nUSER\n\(ready).") == ["STLS\n"])
    #expect(try script.says("+OK go ahead") == ["<tls>"])
    #expect(script.buffered(0) == [])
    #expect(script.tlsEstablished() == ["CAPA\n"])
    #expect(try script.says("+OK\nUSER\n\(ready).") == ["<password>"])
    #expect(script.password() == ["USER user\n"])
  }

  @Test("S13 octets with the answer to STLS, or after it in the clear, end the session") func injection() throws {
    var script = Script(.startTLS)
    _ = try script.says("+OK ready")
    _ = try script.says("+OK\nSTLS\n.")
    _ = try script.says("+OK go ahead")
    #expect(script.buffered(5) == ["<fail>"])
    #expect(script.tlsEstablished() == [])
  }

  @Test(
    "S17 STLS missing or refused, or no POP3 greeting: nothing secret is asked for",
    arguments: [
      ["+OK ready", "+OK\nUSER\nSASL PLAIN\n."], ["+OK ready", "-ERR no CAPA"],
      ["+OK ready", "+OK\nSTLS\nUSER\n.", "-ERR not now"], ["-ERR go away"],
    ])
  func startTLSMissing(_ lines: [String]) throws {
    var script = Script(.startTLS)
    for line in lines { _ = try script.says(line) }
    #expect(script.failure != nil)
    #expect(!script.actions.contains(.needPassword))
  }

  @Test(
    "S15 a greeting of another protocol, or one that skips the login, ends the session before any command",
    arguments: ["* PREAUTH welcome", "* OK IMAP4rev1", "220 smtp", "+ OK", "+OKAY"])
  func greetings(_ line: String) {
    var script = Script(.startTLS)
    #expect(throws: ReplyError.self) { try script.says(line) }
    #expect(script.actions.isEmpty)
  }

  @Test("no login in the clear unless it is allowed") func cleartext() throws {
    var script = Script(.none(allowCredentials: false))
    _ = try script.says("+OK ready")
    #expect(try script.says("+OK\nUSER\n.") == ["<fail>"])
    guard case .session(.tlsRequired)? = script.failure else {
      Issue.record("\(String(describing: script.failure))"); return
    }
  }

  /// RFC 1939 section 7.
  @Test("APOP before a password in the clear") func apop() throws {
    var script = Script(.none(allowCredentials: true), user: "mrose")
    _ = try script.says("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>")
    #expect(try script.says("+OK\nUSER\nSASL PLAIN\n\(ready).") == ["<password>"])
    #expect(script.password("tanstaaf") == ["APOP mrose c4c9334bac560ecc979e58001b3e22fb\n"])
    #expect(try script.says("+OK maildrop has 1 message") == ["<established>"])
    #expect(script.facts?.1.mechanism == "APOP")
  }

  @Test("APOP never instead of TLS: inside TLS only by name or as the only way") func apopInsideTLS() throws {
    var script = Script()
    _ = try script.says("+OK <1.2@x>")
    _ = try script.says("+OK\nUSER\n\(ready).")
    #expect(script.password() == ["USER user\n"])
    for (mechanisms, capabilities) in [(["apop"], "USER\n"), (nil, "")] {
      var script = Script(mechanisms: mechanisms)
      _ = try script.says("+OK <1.2@x>")
      #expect(try script.says("+OK\n\(capabilities)\(ready).") == ["<password>"])
      #expect(script.password().first?.hasPrefix("APOP user ") == true)
    }
  }

  @Test(
    "S21 a forged APOP timestamp refuses APOP and what shows the password in the clear",
    arguments: [
      "<>", "<a>", "<@>", "<a@>", "<@b>", "<a@b", "<a b@c>", "<a@b@c>", "<a@b\u{80}>", "<\u{1}@b>", "<a@b> <c@d>",
      "<a..b@c>",
      "<a@b.>", "<\"a\"@b>", "<a@[]>", "<a@b\u{0}>", "<\u{FF}\u{FE}@\u{C0}>",
    ])
  func forgedTimestamp(_ timestamp: String) throws {
    for (mechanisms, capabilities) in [
      (nil, "USER\nSASL PLAIN\n"), (["apop"], "USER\n"), (["apop", "user", "plain"], "USER\n"),
    ] {
      var script = Script(.none(allowCredentials: true), mechanisms: mechanisms)
      _ = try script.says("+OK ready \(timestamp)")
      #expect(try script.says("+OK\n\(capabilities)\(ready).") == ["<fail>"], "\(timestamp)")
      #expect(!script.actions.contains(.needPassword))
    }
    // Inside TLS nobody but the server sees the password, so only APOP is refused.
    var inside = Script()
    _ = try inside.says("+OK ready \(timestamp)")
    #expect(try inside.says("+OK\nUSER\n\(ready).") == ["<password>"])
    var named = Script(mechanisms: ["apop"])
    _ = try named.says("+OK ready \(timestamp)")
    #expect(try named.says("+OK\nUSER\n\(ready).") == ["<fail>"])
  }

  @Test(
    "well-formed timestamps",
    arguments: [
      "<1896.697170952@dbc.mtview.ca.us>", "<4.1.5f2.abc+/=@mail_1>", "<a@[127.0.0.1]>", "<a@[IPv6:::1]>",
    ])
  func timestamps(_ timestamp: String) {
    #expect(APOPTimestamp(greeting: Array("+OK hi \(timestamp) there".utf8)) == .wellFormed(Array(timestamp.utf8)))
    #expect(APOPTimestamp(greeting: Array("+OK a@b".utf8)) == .none)
  }

  @Test(
    "P13 what a refused login means",
    arguments: [
      ("-ERR [IN-USE] busy", "", .wait(.inUse, seconds: nil, text: "busy")),
      ("-ERR [LOGIN-DELAY] soon", "LOGIN-DELAY 900\n", .wait(.loginDelay, seconds: 900, text: "soon")),
      (
        "-ERR [LOGIN-DELAY] wait 10 seconds", "LOGIN-DELAY 900\n",
        .wait(.loginDelay, seconds: 10, text: "wait 10 seconds")
      ),
      ("-ERR [SYS/TEMP] sick", "", .wait(.temporary, seconds: nil, text: "sick")),
      ("-ERR [SYS/PERM] dead", "", .session(.unavailable("dead"))),
      ("-ERR [AUTH] who", "AUTH-RESP-CODE\n", .session(.authenticationRefused("who"))),
      ("-ERR no idea", "AUTH-RESP-CODE\n", .session(.unavailable("no idea"))),
      ("-ERR no idea", "", .session(.authenticationRefused("no idea"))),
      ("-ERR maildrop already locked", "", .wait(.inUse, seconds: nil, text: "maildrop already locked")),
      ("-ERR bad password pencil", "", .session(.authenticationRefused("bad password (secret)"))),
    ] as [(String, String, SignInFailure)])
  func refusals(_ line: String, capabilities: String, failure: SignInFailure) throws {
    var script = Script()
    _ = try script.says("+OK")
    _ = try script.says("+OK\nUSER\n\(capabilities)\(ready).")
    _ = script.password()
    _ = try script.says("+OK")
    #expect(try script.says(line) == ["<fail>"])
    #expect(script.failure == failure)
  }

  @Test("P13 a greeting that is an error") func greetedWithError() throws {
    for (line, failure) in [
      ("-ERR [SYS/TEMP] later", .wait(.temporary, seconds: nil, text: "later")),
      ("-ERR [IN-USE] x", .wait(.inUse, seconds: nil, text: "x")), ("-ERR no", .session(.bye("no"))),
    ] as [(String, SignInFailure)] {
      var script = Script()
      #expect(try script.says(line) == ["<fail>"])
      #expect(script.failure == failure)
    }
  }

  @Test("UTF8 and LANG in one write; a refusal costs nothing") func extensions() throws {
    for (answer, isOn) in [("-ERR\n+OK", true), ("+OK en\n-ERR", false)] {
      var script = Script()
      _ = try script.says("+OK")
      #expect(try script.says("+OK\nUSER\nUTF8\nLANG\n\(ready).") == ["LANG en\nUTF8\n"])
      #expect(try script.says(answer) == ["<password>"])
      _ = script.password()
      _ = try script.says("+OK")
      _ = try script.says("+OK")
      #expect(script.facts?.1.hasUTF8Mode == isOn)
    }
  }

  @Test("credentials that no line can carry are not sent", arguments: ["a\r\nDELE 1", "a\nb", "a\0"])
  func badCredentials(_ secret: String) throws {
    var script = Script()
    _ = try script.says("+OK")
    _ = try script.says("+OK\nUSER\n\(ready).")
    _ = script.password(secret)
    #expect(try script.says("+OK") == ["<fail>"])
    guard case .session(.badCredentials)? = script.failure else {
      Issue.record("\(String(describing: script.failure))"); return
    }
  }

  @Test("what it may not say ends the session") func violations() throws {
    var challenge = Script()
    _ = try challenge.says("+OK")
    _ = try challenge.says("+OK\nSASL PLAIN\n\(ready).")
    _ = challenge.password()
    #expect(try challenge.says("+ YQ==") == ["<fail>"])
    var early = Script()
    _ = try early.says("+OK")
    #expect(throws: ReplyError.self) { try early.says("+OK\nUSER\n.\n+OK in") }
  }
}
