import IMAPProtocol
import MailModel
import SASL
import Testing

/// A session machine behind a parser, as a transcript: what the server says in, what we say out.
struct Script {
  private var machine: SessionMachine
  private var parser = ResponseParser()
  private(set) var actions: [SessionAction] = []
  /// Octets that come at a time.
  private let step: Int

  init(
    _ tls: SessionPolicy.TLS = .implicit, mechanisms: [String]? = nil, user: String = "user",
    nonce: String = "abcdefghijklmnop", credential: CredentialKind = .password, bindings: [ChannelBinding] = [],
    step: Int = .max
  ) {
    machine = SessionMachine(
      policy: SessionPolicy(
        tls: tls, user: user, credential: credential, host: "server.example.com", port: 143, mechanisms: mechanisms,
        clientID: ["name": "Mailmirror"], compress: true),
      crypto: testCrypto(nonce: nonce))
    machine.bind(bindings)
    self.step = step
  }

  /// The server says this; the answer is what we send, or `<...>` for other actions.
  mutating func says(_ text: String) throws -> [String] {
    var new: [SessionAction] = []
    var machine = machine
    try wire(text + "\n").withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: min(step, bytes.count)) {
        try parser.receive(UnsafeRawBufferPointer(rebasing: bytes[start...].prefix(step))) { event in
          if case .response(let response) = event { new += machine.received(response) }
        }
      }
    }
    for case .derive(let derivation) in new { new += machine.derived(derivation.compute()) }
    self.machine = machine
    return take(new)
  }

  mutating func password(_ secret: String = "pencil") -> [String] { take(machine.password(Array(secret.utf8))) }
  mutating func tlsEstablished() -> [String] { take(machine.tlsEstablished()) }
  mutating func buffered(_ count: Int) -> [String] { take(machine.bytesBufferedAtStartTLS(count)) }

  var failure: SessionFailure? {
    if case .fail(let failure)? = actions.last { failure } else { nil }
  }

  var facts: (CapabilitySet, SessionFacts)? {
    if case .established(let capabilities, let facts)? = actions.last { (capabilities, facts) } else { nil }
  }

  private mutating func take(_ new: [SessionAction]) -> [String] {
    actions += new
    return new.compactMap { action in
      switch action {
      case .derive: return nil
      case .alert(let text, let isProtected): return "<\(isProtected ? "" : "unprotected ")alert: \(text)>"
      case .send(let bytes, let description):
        #expect(!description.contains("pencil") && !description.contains("cGVuY2ls"))
        return String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
      case .needPassword: return "<password>"
      case .startTLS: return "<tls>"
      case .compress: return "<compress>"
      case .established: return "<established>"
      case .fail: return "<fail>"
      }
    }
  }
}

@Suite struct SessionTests {
  @Test func plainWithInitialResponseAndOneWriteAfterIt() throws {
    var script = Script()
    #expect(try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi") == ["<password>"])
    #expect(script.password() == ["S1 AUTHENTICATE PLAIN AHVzZXIAcGVuY2ls\n"])
    #expect(
      try script.says("S1 OK [CAPABILITY IMAP4rev1 ID NAMESPACE ENABLE QRESYNC] in")
        == ["S2 ID (\"name\" \"Mailmirror\")\nS3 NAMESPACE\nS4 ENABLE QRESYNC\n"])
    #expect(
      try script.says(
        "* ID (\"name\" \"Dovecot\")\nS2 OK x\n* NAMESPACE ((\"\" \".\")) NIL NIL\nS3 OK x\n* ENABLED QRESYNC") == [])
    #expect(try script.says("S4 OK done") == ["<established>"])
    let (capabilities, facts) = try #require(script.facts)
    #expect(capabilities.hasQResync && facts.hasEnabledQResync && facts.mechanism == "PLAIN")
    #expect(facts.serverID == ["name": "Dovecot"] && facts.namespaces?.personal.first?.delimiter == 0x2E)
    #expect(try script.says("* BYE") == [])
  }

  @Test func compressGoesLastAndItsAnswerIsTheLastThatIsPlain() throws {
    var script = Script()
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi")
    _ = script.password()
    #expect(
      try script.says("S1 OK [CAPABILITY IMAP4rev1 ENABLE QRESYNC COMPRESS=DEFLATE] in")
        == ["S2 ENABLE QRESYNC\nS3 COMPRESS DEFLATE\n"])
    var late = script
    #expect(try script.says("S2 OK done") == [])
    #expect(try script.says("S3 OK now") == ["<compress>", "<established>"])
    #expect(script.facts?.1.isCompressed == true)
    #expect(try late.says("S3 OK now") == ["<compress>"])
    #expect(try late.says("S2 OK done") == ["<established>"])
  }

  @Test func refusedCompressionIsNone() throws {
    var script = Script()
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi")
    _ = script.password()
    #expect(try script.says("S1 OK [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] in") == ["S2 COMPRESS DEFLATE\n"])
    #expect(try script.says("S2 NO [COMPRESSIONACTIVE] TLS does it") == ["<established>"])
    #expect(script.facts?.1.isCompressed == false)
  }

  @Test func scramIsTakenFirstAndItsEndVerified() throws {
    let vector = SCRAMVector.sha256
    var script = Script(nonce: vector.nonce)
    #expect(try script.says("* OK hello") == ["S1 CAPABILITY\n"])
    #expect(
      try script.says("* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256\nS1 OK") == ["<password>"])
    #expect(script.password() == ["S2 AUTHENTICATE SCRAM-SHA-256\n"])
    #expect(try script.says("+ ") == [Base64.encode("n,,n=user,r=\(vector.nonce)".utf8) + "\n"])
    #expect(try script.says("+ " + Base64.encode(vector.first.utf8)) == [Base64.encode(vector.proof.utf8) + "\n"])
    #expect(try script.says("+ " + Base64.encode(vector.last.utf8)) == ["\n"])
    #expect(try script.says("* CAPABILITY IMAP4rev1\nS2 OK in") == ["<established>"])
  }

  @Test func scramWithoutTheServersProofIsNoLogin() throws {
    let vector = SCRAMVector.sha256
    var script = Script(nonce: vector.nonce)
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] x")
    _ = script.password()
    _ = try script.says("+ " + Base64.encode(vector.first.utf8))
    #expect(try script.says("S1 OK in") == ["<fail>"])
    #expect(script.failure == .serverNotAuthenticated("it ended the exchange early"))
  }

  @Test func theConfiguredMechanismsAlone() throws {
    var script = Script(mechanisms: ["scram-sha-1"])
    #expect(try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x") == ["<fail>"])
    #expect(script.failure == .noCommonMechanism(offered: ["PLAIN", "LOGIN"]))
    script = Script(mechanisms: ["plain", "scram-sha-1"])
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-1 AUTH=PLAIN] x")
    #expect(script.password() == ["S1 AUTHENTICATE PLAIN\n"])
    #expect(try script.says("+") == ["AHVzZXIAcGVuY2ls\n"])
    #expect(try script.says("+ what?") == ["<fail>"])
  }

  @Test func loginByCommandWithWaitingLiterals() throws {
    var script = Script(user: "é")
    _ = try script.says("* OK [CAPABILITY IMAP4rev1] x")
    #expect(script.password("ü") == ["S1 LOGIN {2}\n"])
    #expect(try script.says("+ go") == ["é {2}\n"])
    #expect(try script.says("+ go") == ["ü\n"])
    #expect(try script.says("S1 OK in") == ["S2 CAPABILITY\n"])
    #expect(try script.says("* CAPABILITY IMAP4rev1\nS2 OK") == ["<established>"])
  }

  @Test func refusedLogins() throws {
    let table: [(String, SessionFailure)] = [
      ("NO [AUTHENTICATIONFAILED] bad", .authenticationRefused("bad")), ("BAD what", .authenticationRefused("what")),
      ("NO [UNAVAILABLE] later", .unavailable("later")),
      ("NO [PRIVACYREQUIRED] tls", .tlsRequired("the server refused the login without TLS: tls")),
    ]
    for (answer, failure) in table {
      var script = Script()
      _ = try script.says("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] x")
      _ = script.password()
      #expect(try script.says("S1 \(answer)") == ["<fail>"])
      #expect(script.failure == failure)
    }
  }

  @Test("S9 an APPENDUID that answers a login is ignored")
  func strayCodes() throws {
    var script = Script()
    _ = try script.says("* OK [APPENDUID 1 5] x")
    _ = try script.says("* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\nS1 OK [COPYUID 1 1:4294967295 1:4294967295] x")
    _ = script.password()
    #expect(try script.says("S2 OK [APPENDUID 1 5] in") == ["S3 CAPABILITY\n"])
    #expect(try script.says("* CAPABILITY IMAP4rev1\nS3 OK") == ["<established>"])
  }

  @Test("S13 octets along with the answer to STARTTLS end the session")
  func startTLSInjection() throws {
    func begin() throws -> (Script, String) {
      var script = Script(.startTLS)
      let sent = try script.says("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] x")
      #expect(sent == ["S1abcdefghijkl STARTTLS\n"])
      return (script, "S1abcdefghijkl")
    }
    var (script, tag) = try begin()
    #expect(try script.says("\(tag) OK go") == ["<tls>"])
    #expect(script.buffered(0) == [])
    #expect(script.tlsEstablished() == ["S2 CAPABILITY\n"])
    #expect(try script.says("* CAPABILITY IMAP4rev1 AUTH=PLAIN\nS2 OK") == ["<password>"])
    for early in ["* CAPABILITY IMAP4rev1\n", "+ x\n", "S1 OK\n", "A1 OK\n"] {
      (script, tag) = try begin()
      #expect(try script.says("\(early)\(tag) OK go").last == "<fail>")
    }
    (script, tag) = try begin()
    #expect(try script.says("\(tag) OK go\n* OK more") == ["<tls>", "<fail>"])
    #expect(script.tlsEstablished() == [] && script.password() == [])
    (script, tag) = try begin()
    #expect(try script.says("\(tag) OK go") == ["<tls>"])
    #expect(script.buffered(3) == ["<fail>"] && script.tlsEstablished() == [])
  }

  @Test("S15 PREAUTH where TLS is required ends the session before any command")
  func preauth() throws {
    var script = Script(.startTLS)
    #expect(try script.says("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] in") == ["<fail>"])
    script = Script(.implicit)
    #expect(try script.says("* PREAUTH [CAPABILITY IMAP4rev1] in") == ["<established>"])
    #expect(script.facts?.1.mechanism == nil)
  }

  @Test(
    "S17 without TLS no credentials",
    arguments: [
      "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x", "* BAD x", "* NO x", "* 1 EXISTS", "+OK POP3 ready",
      "* CAPABILITY IMAP4rev1 STARTTLS",
      "A1 OK x", "* BYE x",
    ])
  func noStartTLS(greeting: String) throws {
    var script = Script(.startTLS)
    #expect(try script.says(greeting) == ["<fail>"])
    #expect(script.password() == [] && script.tlsEstablished() == [])
  }

  @Test("S17 a refused STARTTLS and a forbidden login in the clear", arguments: ["NO", "BAD"])
  func refusedStartTLS(answer: String) throws {
    var script = Script(.startTLS)
    _ = try script.says("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] x")
    #expect(try script.says("S1abcdefghijkl \(answer) no") == ["<fail>"])
    #expect(
      script.failure == .tlsRequired("the server refused STARTTLS: no (said before TLS, so anyone may have said it)"))
    script = Script(.none(allowCredentials: false))
    #expect(try script.says("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=SCRAM-SHA-256] x") == ["<fail>"])
    script = Script(.none(allowCredentials: true))
    #expect(try script.says("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] x") == ["<fail>"])
  }

  @Test("S25 a server without capabilities is none")
  func emptyCapabilities() throws {
    var script = Script()
    #expect(try script.says("* OK x") == ["S1 CAPABILITY\n"])
    #expect(try script.says("* CAPABILITY\nS1 OK") == ["<fail>"])
  }

  @Test("G9 a stray continuation changes nothing")
  func strayContinuation() throws {
    var script = Script()
    _ = try script.says("* OK x")
    #expect(try script.says("+ stray") == [])
    #expect(try script.says("* CAPABILITY IMAP4rev1\nS1 OK") == ["<password>"])
  }

  @Test("G13 BYE at every line of a login ends it")
  func bye() throws {
    let lines = ["* OK x", "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN ID", "S1 OK", "S2 OK"]
    for count in 0...lines.count {
      var script = Script()
      for line in lines.prefix(count) where try script.says(line).contains("<password>") { _ = script.password() }
      #expect(try script.says("* BYE so\u{1B} long") == ["<fail>"])
      #expect(script.failure == .bye("so long"))
    }
  }
}
