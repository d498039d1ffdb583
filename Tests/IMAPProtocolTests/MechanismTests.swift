import IMAPProtocol
import MailModel
import SASL
import Testing

@Suite struct MechanismTests {
  private static let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
  private static let bindings = [
    ChannelBinding(type: "tls-exporter", data: Array(0..<32)),
    ChannelBinding(type: "tls-server-end-point", data: Array(200..<232)),
  ]

  /// RFC 2195 section 2.
  @Test(arguments: [Int.max, 1]) func cramMD5(step: Int) throws {
    var script = Script(mechanisms: ["cram-md5"], user: "tim", step: step)
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=CRAM-MD5] x")
    #expect(script.password("tanstaaftanstaaf") == ["S1 AUTHENTICATE CRAM-MD5\n"])
    #expect(
      try script.says("+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
        == ["dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\n"])
    #expect(try script.says("S1 OK [CAPABILITY IMAP4rev1] in") == ["<established>"])
  }

  @Test(arguments: ["+ ", "S1 OK in"]) func cramMD5NeedsAChallenge(line: String) throws {
    var script = Script(mechanisms: ["cram-md5"])
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5] x")
    _ = script.password()
    #expect(try script.says(line) == ["<fail>"])
  }

  /// RFC 7628 section 4.1, and the error of section 4.3.
  @Test(arguments: [Int.max, 1]) func oauthBearer(step: Int) throws {
    let initial =
      "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNS"
      + "bGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
    var script = Script(user: "user@example.com", credential: .token, step: step)
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER] x")
    #expect(script.password(Self.token) == ["S1 AUTHENTICATE OAUTHBEARER \(initial)\n"])
    #expect(
      try script.says("+ " + Base64.encode("{\"status\":\"invalid_token\",\"scope\":\"example_scope\"}".utf8)) == [
        "AQ==\n"
      ])
    #expect(try script.says("S1 NO [AUTHENTICATIONFAILED] token \(Self.token) \(initial)") == ["<fail>"])
    #expect(script.failure == .authenticationRefused("token (secret)"))
  }

  /// The example of Google's documentation.
  @Test(arguments: [Int.max, 1]) func xoauth2(step: Int) throws {
    let initial =
      "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cB"
      + "AQ=="
    for accepts in [true, false] {
      var script = Script(user: "someuser@example.com", credential: .token, step: step)
      _ = try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2] x")
      #expect(script.password("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg") == ["S1 AUTHENTICATE XOAUTH2\n"])
      #expect(try script.says("+ ") == [initial + "\n"])
      if accepts {
        #expect(try script.says("S1 OK [CAPABILITY IMAP4rev1] in") == ["<established>"])
      } else {
        #expect(try script.says("+ eyJzdGF0dXMiOiI0MDEifQ==") == ["\n"])
        #expect(try script.says("S1 BAD \(initial.prefix(60)) what") == ["<fail>"])
        #expect(script.failure == .authenticationRefused("(secret)"))
      }
    }
  }

  @Test func aTokenIsNoPasswordAndAPasswordNoToken() throws {
    var script = Script(credential: .token)
    #expect(try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=CRAM-MD5] x") == ["<fail>"])
    script = Script()
    #expect(try script.says("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2 AUTH=EXTERNAL] x") == ["<fail>"])
    script = Script(credential: .token)
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] x")
    #expect(script.password("a\u{1}auth=Bearer b") == ["<fail>"])
  }

  @Test(arguments: [true, false]) func externalNamesTheUser(isAtOnce: Bool) throws {
    var script = Script(user: "fred@example.com", credential: .none)
    let greeting = "* OK [CAPABILITY IMAP4rev1 \(isAtOnce ? "SASL-IR " : "")AUTH=PLAIN AUTH=EXTERNAL] x"
    let name = "ZnJlZEBleGFtcGxlLmNvbQ=="
    if isAtOnce {
      #expect(try script.says(greeting) == ["S1 AUTHENTICATE EXTERNAL \(name)\n"])
    } else {
      #expect(try script.says(greeting) == ["S1 AUTHENTICATE EXTERNAL\n"])
      #expect(try script.says("+ ") == [name + "\n"])
    }
    #expect(try script.says("S1 OK [CAPABILITY IMAP4rev1] in") == ["<established>"])
    script = Script(mechanisms: ["external", "plain"])
    #expect(try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=EXTERNAL] x") == ["S1 AUTHENTICATE EXTERNAL\n"])
  }

  @Test func theOrderOfPasswordMechanisms() throws {
    let offers = ["PLAIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"]
    func chosen(_ tls: SessionPolicy.TLS, _ count: Int, _ bindings: [ChannelBinding]) throws -> String {
      var script = Script(tls, bindings: bindings)
      let offered = offers.prefix(count).map { "AUTH=\($0)" }.joined(separator: " ")
      _ = try script.says("* OK [CAPABILITY IMAP4rev1 \(offered)] x")
      return script.password().joined().split(separator: " ").last?.trimmingSuffix("\n") ?? ""
    }
    let inTheClear = SessionPolicy.TLS.none(allowCredentials: true)
    #expect(
      try (1...6).map { try chosen(.implicit, $0, Self.bindings) } == [
        "PLAIN", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS",
      ])
    #expect(
      try (1...6).map { try chosen(inTheClear, $0, []) } == [
        "PLAIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256", "SCRAM-SHA-256",
      ])
  }

  /// The flag at the head of the client's first message.
  @Test(
    arguments: [
      (nil, "SCRAM-SHA-256", true, "y,,"), (nil, "SCRAM-SHA-256", false, "n,,"),
      (nil, "SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS", true, "p=tls-exporter,,"),
      (nil, "SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS", false, "n,,"),
      (["scram-sha-256"], "SCRAM-SHA-256", true, "n,,"),
      (["scram-sha-256"], "SCRAM-SHA-256 AUTH=SCRAM-SHA-256-PLUS", true, "n,,"),
      (["scram-sha-256-plus", "scram-sha-256"], "SCRAM-SHA-256", true, "y,,"),
      (["scram-sha-1", "scram-sha-256-plus"], "SCRAM-SHA-1 AUTH=SCRAM-SHA-256-PLUS", true, "n,,"),
    ] as [([String]?, String, Bool, String)])
  func whatIsSaidOfChannelBinding(mechanisms: [String]?, offered: String, canBind: Bool, header: String) throws {
    var script = Script(mechanisms: mechanisms, nonce: "N", bindings: canBind ? Self.bindings : [])
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=\(offered)] x")
    _ = script.password()
    #expect(try script.says("+ ") == [Base64.encode("\(header)n=user,r=N".utf8) + "\n"])
  }

  @Test(arguments: [Int.max, 1]) func aBoundExchange(step: Int) throws {
    let vector = SCRAMVector.bound[0]
    var script = Script(nonce: vector.nonce, bindings: Self.bindings, step: step)
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-1-PLUS] x")
    let initial = Base64.encode("p=tls-exporter,,n=user,r=\(vector.nonce)".utf8)
    #expect(script.password() == ["S1 AUTHENTICATE SCRAM-SHA-1-PLUS \(initial)\n"])
    #expect(try script.says("+ " + Base64.encode(vector.first.utf8)) == [Base64.encode(vector.proof.utf8) + "\n"])
    #expect(try script.says("+ " + Base64.encode(vector.last.utf8)) == ["\n"])
    #expect(try script.says("S1 OK [CAPABILITY IMAP4rev1] in") == ["<established>"])
  }

  @Test func aTypeThatTheServerLacksIsReplacedOnce() throws {
    let vector = SCRAMVector.bound[1]
    var script = Script(nonce: vector.nonce, bindings: Self.bindings)
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256-PLUS] x")
    for (tag, type) in [("S1", "tls-exporter"), ("S2", "tls-server-end-point")] {
      let initial = Base64.encode("p=\(type),,n=user,r=\(vector.nonce)".utf8)
      #expect(script.password() == ["\(tag) AUTHENTICATE SCRAM-SHA-256-PLUS \(initial)\n"])
      _ = try script.says("+ " + Base64.encode(vector.first.utf8))
      #expect(try script.says("+ " + Base64.encode("e=unsupported-channel-binding-type".utf8)) == ["\n"])
      #expect(try script.says("\(tag) NO no") == [tag == "S1" ? "<password>" : "<fail>"])
    }
    #expect(script.failure == .authenticationRefused("no"))
  }

  @Test(arguments: ["channel-bindings-dont-match", "server-does-support-channel-binding"])
  func aManInTheMiddleIsNamed(error: String) throws {
    let vector = SCRAMVector.bound[2]
    var script = Script(nonce: vector.nonce, bindings: Self.bindings)
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] x")
    _ = script.password()
    #expect(try script.says("+ " + Base64.encode(vector.first.utf8)) == [Base64.encode(vector.proof.utf8) + "\n"])
    #expect(try script.says("+ " + Base64.encode("e=\(error)".utf8)) == ["<fail>"])
    guard case .serverNotAuthenticated(let text) = script.failure else {
      Issue.record("\(String(describing: script.failure))")
      return
    }
    #expect(text.contains("between"))
  }

  @Test("S31 an alert says whether it is protected") func alerts() throws {
    var script = Script(.startTLS)
    #expect(try script.says("* OK [ALERT] call 555") == ["<unprotected alert: call 555>", "S1 CAPABILITY\n"])
    let line = try script.says("* CAPABILITY IMAP4rev1 STARTTLS\nS1 OK x").first ?? ""
    #expect(try script.says("\(line.prefix { $0 != " " }) NO [REFERRAL imap://evil/] go").contains("<fail>"))
    #expect(
      script.failure
        == .tlsRequired("the server refused STARTTLS: go (said before TLS, so anyone may have said it)"))
    script = Script()
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x")
    _ = script.password()
    #expect(try script.says("* NO [ALERT] mind pencil") == ["<alert: mind (secret)>"])
    #expect(try script.says("S1 NO [ALERT] AHVzZXIAcGVuY2ls is wrong") == ["<alert: AHVzZXIA(secret)>", "<fail>"])
  }

  @Test("S31 a referral is a refusal") func referral() throws {
    var script = Script()
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x")
    _ = script.password()
    #expect(try script.says("S1 NO [REFERRAL imap://evil/] go there") == ["<fail>"])
    #expect(script.failure == .authenticationRefused("go there"))
  }

  @Test("S27 texts of a login are cut and cleaned") func loginTexts() throws {
    for answer in ["NO", "BAD"] {
      var script = Script()
      _ = try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x")
      _ = script.password()
      _ = try script.says("S1 \(answer) %n\u{1B}[2J\u{202E}" + String(repeating: "A", count: 100_000))
      guard case .authenticationRefused(let text) = script.failure else {
        Issue.record("\(String(describing: script.failure))")
        continue
      }
      #expect(text.count < 2_000 && !text.contains("\u{1B}") && !text.contains("\u{202E}") && text.contains("%n"))
    }
  }
}

@Suite struct UTF8NameTests {
  @Test func aNameIsOneInBothForms() {
    for text in ["Entwürfe", "A&B", "日本語/x", "plain", "&", "INBOX", "inbox", "a\u{1F600}b"] {
      #expect(MailboxName(utf8: text.utf8) == MailboxName(text), "\(text)")
      #expect(MailboxName(utf8: MailboxName(text).utf8) == MailboxName(text), "\(text)")
    }
    #expect(MailboxName(utf8: "Entw&APw-rfe".utf8).text == "Entw&APw-rfe")
    for bytes in [[0xFF, 0x41], [0x41, 0x01], [0xC3]] as [[UInt8]] {
      #expect(MailboxName(utf8: bytes).wire == bytes && MailboxName(utf8: bytes).utf8 == bytes)
    }
  }

  @Test func itIsEnabledWhereOffered() throws {
    var script = Script(mechanisms: ["plain"])
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] x")
    _ = script.password()
    #expect(
      try script.says("S1 OK [CAPABILITY IMAP4rev1 ENABLE QRESYNC UTF8=ACCEPT] in") == [
        "S2 ENABLE QRESYNC UTF8=ACCEPT\n"
      ])
    #expect(try script.says("* ENABLED QRESYNC UTF8=ACCEPT\nS2 OK done") == ["<established>"])
    #expect(script.facts?.1.hasEnabledUTF8 == true)
  }

  @Test(arguments: [Int.max, 1]) func namesComeAndGoInUTF8(step: Int) throws {
    var parser = ResponseParser()
    parser.namesAreUTF8(true)
    var names: [MailboxName] = []
    let lines = "* LIST () \"/\" \"Entwürfe/A&B\"\r\n* LIST () \"/\" {2}\r\nü\r\n* STATUS Köln (MESSAGES 1)\r\n"
    try Array(lines.utf8).withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: min(step, bytes.count)) {
        try parser.receive(UnsafeRawBufferPointer(rebasing: bytes[start...].prefix(step))) { event in
          switch event {
          case .response(.untagged(.list(let entry))): names.append(entry.name)
          case .response(.untagged(.status(let name, _))): names.append(name)
          default: Issue.record("\(event)")
          }
        }
      }
    }
    #expect(names == ["Entwürfe/A&B", "ü", "Köln"].map { MailboxName($0) })
    var capabilities = CapabilitySet(["IMAP4rev1"])
    let plain = try Command.status(names[0], [.messages]).encoded(tag: "a", capabilities: capabilities)
    #expect(plain == [.bytes(Array("a STATUS \"Entw&APw-rfe/A&-B\" (MESSAGES)\r\n".utf8))])
    capabilities.usesUTF8Names = true
    let utf8 = try Command.status(names[0], [.messages]).encoded(tag: "a", capabilities: capabilities)
    #expect(utf8 == [.bytes(Array("a STATUS \"Entwürfe/A&B\" (MESSAGES)\r\n".utf8))])
  }
}

extension Substring {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : String(self)
  }
}
