/// OAUTHBEARER and XOAUTH2: an OAuth 2.0 access token in place of a password. A server that refuses it says why in a
/// challenge, which must be answered before it ends the exchange with NO.
package struct BearerExchange: Sendable {
  private static let separator: UInt8 = 0x01

  package let initialResponse: [UInt8]
  /// To the challenge that is the server's refusal.
  private let acknowledgement: [UInt8]
  private var isRefused = false

  private init(_ initialResponse: [UInt8], acknowledgement: [UInt8]) {
    self.initialResponse = initialResponse
    self.acknowledgement = acknowledgement
  }

  /// RFC 7628 section 3.1; `^A` is 0x01.
  ///
  ///     C: n,a=user@example.com,^Ahost=server.example.com^Aport=143^Aauth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==^A^A
  ///     S: {"status":"invalid_token","scope":"example_scope"}
  ///     C: ^A
  static func oauthBearer(_ identity: SASLIdentity) throws(SASLFailure) -> BearerExchange {
    try check(identity)
    var message = Array("n,a=".utf8) + SCRAMExchange.escaped(identity.user) + [UInt8(ascii: ","), separator]
    if !identity.host.isEmpty, identity.port > 0 {
      message += Array("host=\(identity.host)".utf8) + [separator]
      message += Array("port=\(identity.port)".utf8) + [separator]
    }
    return BearerExchange(
      message + Array("auth=Bearer ".utf8) + identity.secret + [separator, separator], acknowledgement: [separator])
  }

  /// Google's form, which Microsoft and Yahoo have, too.
  ///
  ///     C: user=someuser@example.com^Aauth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg^A^A
  ///     S: {"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}
  ///     C:
  static func xoauth2(_ identity: SASLIdentity) throws(SASLFailure) -> BearerExchange {
    try check(identity)
    let user = Array("user=\(identity.user)".utf8)
    return BearerExchange(
      user + [separator] + Array("auth=Bearer ".utf8) + identity.secret + [separator, separator], acknowledgement: [])
  }

  private static func check(_ identity: SASLIdentity) throws(SASLFailure) {
    guard !identity.secret.isEmpty, identity.secret.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .badCredentials("the token is empty or holds something other than visible ASCII")
    }
    guard !identity.user.isEmpty, identity.user.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw .badCredentials("the user name is empty or holds a control character")
    }
  }

  mutating func respond(to challenge: [UInt8]) throws(SASLFailure) -> [UInt8] {
    if isRefused { throw .badChallenge("a second challenge") }
    isRefused = true
    return acknowledgement
  }

  func checkDone() throws(SASLFailure) {
    if isRefused { throw .badChallenge("an acceptance of what it had refused") }
  }
}
