import Crypto
import SASL
import Testing

func testCrypto(nonce: String) -> SASLCrypto {
  @Sendable func function(_ hash: SASLHash) -> HashFunction { hash == .sha1 ? .sha1 : .sha256 }
  return SASLCrypto(
    nonce: { Array(nonce.utf8) },
    digest: { function($0).digest($1) },
    hmac: { function($0).hmac(key: $1, $2) },
    pbkdf2: { function($0).pbkdf2(password: $1, salt: $2, iterations: $3) })
}

/// An exchange of an RFC.
struct SCRAMVector: Sendable {
  var hash: SASLHash
  var nonce: String
  var first: String
  var proof: String
  var last: String

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

  func begin() throws -> SCRAMExchange {
    try SCRAMExchange(hash, user: "user", password: Array("pencil".utf8), crypto: testCrypto(nonce: nonce))
  }
}

@Suite struct SCRAMTests {
  @Test(arguments: [SCRAMVector.sha1, .sha256])
  func theExchangesOfTheRFCs(vector: SCRAMVector) throws {
    var exchange = try vector.begin()
    #expect(exchange.initialResponse == Array("n,,n=user,r=\(vector.nonce)".utf8))
    #expect(try exchange.respond(to: Array(vector.first.utf8)) == Array(vector.proof.utf8))
    #expect(throws: SASLFailure.self) { try exchange.checkDone() }
    #expect(try exchange.respond(to: Array(vector.last.utf8)) == [])
    try exchange.checkDone()
    #expect(throws: SASLFailure.self) { try exchange.respond(to: []) }
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
    #expect(throws: SASLFailure.self) { try exchange.respond(to: Array(message.utf8)) }
  }

  @Test(arguments: ["", "v=", "v=AAAA", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G8=", "e=invalid-proof", "x"])
  func badSignatures(message: String) throws {
    var exchange = try SCRAMVector.sha256.begin()
    _ = try exchange.respond(to: Array(SCRAMVector.sha256.first.utf8))
    #expect(throws: SASLFailure.self) { try exchange.respond(to: Array(message.utf8)) }
    #expect(throws: SASLFailure.self) { try exchange.checkDone() }
  }

  @Test func namesAreEscaped() throws {
    let exchange = try SCRAMExchange(.sha1, user: "a=b,c", password: [], crypto: testCrypto(nonce: "N"))
    #expect(exchange.initialResponse == Array("n,,n=a=3Db=2Cc,r=N".utf8))
  }

  @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")])
  func base64(plain: String, encoded: String) {
    #expect(Base64.encode(plain.utf8) == encoded && Base64.decode(encoded.utf8) == Array(plain.utf8))
    for bad in ["Z", "Zg", "Zg=", "Zh==", "====", "Zg==Zg==", "Z g=", "é==="] {
      #expect(Base64.decode(bad.utf8) == nil)
    }
  }
}
