/// CRAM-MD5: the server asks, and the answer shows that we know the password (RFC 2195). It proves nothing of the server.
///
///     S: <1896.697170952@postoffice.reston.mci.net>
///     C: tim b913a602c7eda7a495b4e6e7334d3890
package struct CRAMMD5Exchange: Sendable {
  private let identity: SASLIdentity
  private let crypto: SASLCrypto
  private var hasAnswered = false

  init(_ identity: SASLIdentity, crypto: SASLCrypto) throws(SASLFailure) {
    guard !identity.user.isEmpty, !identity.user.utf8.contains(0) else {
      throw .badCredentials("the user name is empty or holds a NUL")
    }
    self.identity = identity
    self.crypto = crypto
  }

  mutating func respond(to challenge: [UInt8]) throws(SASLFailure) -> [UInt8] {
    guard !hasAnswered else { throw .badChallenge("a second challenge") }
    // An answer to nothing could be had in advance.
    guard (1...4_096).contains(challenge.count) else {
      throw .badChallenge("a challenge of \(challenge.count) octets")
    }
    let digest = crypto.hmac(.md5, identity.secret, challenge)
    guard digest.count == SASLHash.md5.octets else { throw .badChallenge("the hash is not available") }
    hasAnswered = true
    let hexadecimal = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return Array("\(identity.user) \(hexadecimal)".utf8)
  }

  func checkDone() throws(SASLFailure) {
    if !hasAnswered { throw .badChallenge("an acceptance of what was not said") }
  }
}
