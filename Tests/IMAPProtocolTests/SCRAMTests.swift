import Crypto
import SASL
import Testing

func testCrypto(nonce: String) -> SASLCrypto {
  SASLCrypto(
    nonce: { Array(nonce.utf8) },
    digest: { $0.function.digest($1) },
    hmac: { $0.function.hmac(key: $1, $2) })
}

extension SASLHash {
  var function: HashFunction {
    switch self {
    case .md5: .md5
    case .sha1: .sha1
    case .sha256: .sha256
    }
  }
}

extension SASLDerivation {
  func compute() -> [UInt8] { hash.function.pbkdf2(password: password, salt: salt, iterations: iterations) }
}

extension SCRAMExchange {
  /// The answer, computed at once.
  mutating func answer(to challenge: String) throws -> [UInt8] {
    switch try respond(to: Array(challenge.utf8)) {
    case .answer(let answer): return answer
    case .derive(let derivation): return try derived(derivation.compute())
    }
  }
}

/// An exchange of an RFC.
struct SCRAMVector: Sendable {
  var hash: SASLHash
  var nonce: String
  var first: String
  var proof: String
  var last: String
  var binding = SCRAMBinding.none
  var header = "n,,"

  /// RFC 5802 section 5.
  static let sha1 = SCRAMVector(
    hash: .sha1, nonce: "fyko+d2lbbFgONRv9qkxdawL",
    first: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    proof: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    last: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")
  /// RFC 7677 section 3.
  static let sha256 = SCRAMVector(
    hash: .sha256, nonce: "rOprNGfwEbeRWgbNEkqO",
    first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    proof: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    last: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")

  /// No RFC has one with channel binding: these were computed from RFC 5802 with Python's hashlib and hmac.
  static let bound: [SCRAMVector] = [
    with(
      sha1, .bound(ChannelBinding(type: "tls-exporter", data: Array(0..<32))), "p=tls-exporter,,",
      proof: "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,"
        + "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=i0z2xFi+ITaJvbLXpcWyruGx26U=",
      last: "v=YgmPUhdXTCPY9I7+PKzEdnp1cdo="),
    with(
      sha256, .bound(ChannelBinding(type: "tls-server-end-point", data: Array(200..<232))),
      "p=tls-server-end-point,,",
      proof: "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsyMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5uc=,"
        + "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=AMr497CDPFvf/3FASu9Habm4X8F6mAOkbcIJ/rJbNB0=",
      last: "v=LsHqkh1AzQF3r7lizw9/57D8gN1Ol97Yfv2zWEukbQU="),
    with(
      sha256, .notOffered, "y,,",
      proof: "c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        + "p=FoqiHTtQEDE8lz1CdaEe3tK4mS+iMDTl77SPyDS53DY=",
      last: "v=dI4KpiQJwBr1+V+K6U1dA6l6I4I9DUNXWND4pcpRU3U="),
  ]

  private static func with(
    _ vector: SCRAMVector, _ binding: SCRAMBinding, _ header: String, proof: String, last: String
  ) -> SCRAMVector {
    var vector = vector
    (vector.binding, vector.header, vector.proof, vector.last) = (binding, header, proof, last)
    return vector
  }

  func begin() throws -> SCRAMExchange {
    try SCRAMExchange(
      hash, SASLIdentity(user: "user", secret: Array("pencil".utf8)), binding: binding,
      crypto: testCrypto(nonce: nonce))
  }
}

@Suite struct SCRAMTests {
  @Test(arguments: [SCRAMVector.sha1, .sha256] + SCRAMVector.bound)
  func theExchangesOfTheRFCs(vector: SCRAMVector) throws {
    var exchange = try vector.begin()
    #expect(exchange.initialResponse == Array("\(vector.header)n=user,r=\(vector.nonce)".utf8))
    #expect(try exchange.answer(to: vector.first) == Array(vector.proof.utf8))
    #expect(throws: SASLFailure.self) { try exchange.checkDone() }
    #expect(try exchange.answer(to: vector.last) == [])
    try exchange.checkDone()
    #expect(throws: SASLFailure.self) { try exchange.answer(to: "") }
  }

  @Test(arguments: [
    "", "r=", "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095", "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1000001",
    "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=99999999999999999999", "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=-4096",
    "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", "r=rOprNGfwEbeRWgbNEkqOx,s=W22,i=4096",
    "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
    "e=other-error", ",,,",
  ])
  func badFirstMessages(message: String) throws {
    var exchange = try SCRAMVector.sha256.begin()
    #expect(throws: SASLFailure.self) { try exchange.answer(to: message) }
  }

  @Test(arguments: ["", "v=", "v=AAAA", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8=", "e=invalid-proof", "x"])
  func badSignatures(message: String) throws {
    var exchange = try SCRAMVector.sha256.begin()
    _ = try exchange.answer(to: SCRAMVector.sha256.first)
    #expect(throws: SASLFailure.self) { try exchange.answer(to: message) }
    #expect(throws: SASLFailure.self) { try exchange.checkDone() }
  }

  @Test func namesAreEscaped() throws {
    let exchange = try SCRAMExchange(
      .sha1, SASLIdentity(user: "a=b,c", secret: []), crypto: testCrypto(nonce: "N"))
    #expect(exchange.initialResponse == Array("n,,n=a=3Db=2Cc,r=N".utf8))
  }

  /// The examples of RFC 4013 section 3, and those whose refusal is left to the server.
  @Test(arguments: [
    ("I\u{AD}X", "IX"), ("user", "user"), ("USER", "USER"), ("\u{AA}", "a"), ("\u{2168}", "IX"),
    ("e\u{301}\u{A0}x\u{FEFF}", "\u{E9} x"), ("\u{7}", "\u{7}"), ("\u{627}1", "\u{627}1"),
  ])
  func passwordsArePrepared(written: String, prepared: String) throws {
    var answers: [[UInt8]] = []
    for secret in [written, prepared] {
      var exchange = try SCRAMExchange(
        .sha256, SASLIdentity(user: "user", secret: Array(secret.utf8)),
        crypto: testCrypto(nonce: SCRAMVector.sha256.nonce))
      answers.append(try exchange.answer(to: SCRAMVector.sha256.first))
    }
    #expect(answers[0] == answers[1])
  }

  @Test func theKeyMustBeThere() throws {
    var exchange = try SCRAMVector.sha256.begin()
    #expect(throws: SASLFailure.self) { try exchange.derived([]) }
    exchange = try SCRAMVector.sha256.begin()
    guard case .derive(let derivation) = try exchange.respond(to: Array(SCRAMVector.sha256.first.utf8)) else {
      Issue.record("nothing to derive")
      return
    }
    #expect("\(derivation)" == "4096 iterations" && !String(reflecting: derivation).contains("112"))
    #expect(throws: SASLFailure.self) { try exchange.respond(to: Array(SCRAMVector.sha256.last.utf8)) }
    #expect(throws: SASLFailure.self) { try exchange.derived(derivation.compute()) }
  }

  @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")])
  func base64(plain: String, encoded: String) {
    #expect(Base64.encode(plain.utf8) == encoded && Base64.decode(encoded.utf8) == Array(plain.utf8))
    for bad in ["Z", "Zg", "Zg=", "Zh==", "====", "Zg==Zg==", "Z g=", "é==="] {
      #expect(Base64.decode(bad.utf8) == nil)
    }
  }
}
