import Crypto
import Testing

/// Values of RFC 4231, RFC 6070 and RFC 7914.
@Suite("Crypto")
struct CryptoTests {
  @Test("HMAC as in RFC 4231 and RFC 2202")
  func hmac() {
    #expect(
      hex(HashFunction.sha256.hmac(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(
      hex(HashFunction.sha1.hmac(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)))
        == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
    #expect(HashFunction.sha256.hmac(key: [], []).count == 32)
  }

  @Test("PBKDF2 as in RFC 6070; a count that no one can run is refused")
  func pbkdf2() {
    #expect(
      hex(HashFunction.sha1.pbkdf2(password: Array("password".utf8), salt: Array("salt".utf8), iterations: 4096))
        == "4b007901b765489abead49d926f721d065a429c1")
    #expect(HashFunction.sha256.pbkdf2(password: [], salt: [1], iterations: 1).count == 32)
    #expect(HashFunction.sha256.pbkdf2(password: [1], salt: [1], iterations: 0).isEmpty)
    #expect(HashFunction.sha256.pbkdf2(password: [1], salt: [1], iterations: .max).isEmpty)
  }

  @Test("random bytes have the length asked for and differ")
  func random() {
    #expect(RandomBytes.make(0).isEmpty)
    #expect(RandomBytes.make(-1).isEmpty)
    #expect(RandomBytes.make(24) != RandomBytes.make(24))
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
