/// SCRAM: both sides prove that they know the password, and neither says it (RFC 5802; with SHA-256 RFC 7677).
///
///     C: n,,n=user,r=rOprNGfwEbeRWgbNEkqO
///     S: r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096
///     C: c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=
///     S: v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=
package struct SCRAMExchange: Sendable {
  /// Fewer than RFC 7677 section 4 asks for is a way to make the password easier to guess, more than this a way to
  /// keep us busy.
  package static let iterations = 4_096...1_000_000

  /// What binds the exchange to its TLS channel. The `-PLUS` mechanisms add a case here.
  package enum ChannelBinding: Sendable {
    case none

    var header: String {
      switch self {
      case .none: "n,,"
      }
    }

    var data: [UInt8] {
      switch self {
      case .none: []
      }
    }
  }

  private enum State {
    case began
    case proved(serverSignature: [UInt8])
    case verified
    case failed
  }

  private let hash: SASLHash
  private let crypto: SASLCrypto
  private let binding: ChannelBinding
  private let password: [UInt8]
  private let nonce: [UInt8]
  private let firstBare: [UInt8]
  private var state = State.began

  package init(
    _ hash: SASLHash, user: String, password: [UInt8], binding: ChannelBinding = .none, crypto: SASLCrypto
  ) throws(SASLFailure) {
    guard !user.isEmpty, !user.utf8.contains(0) else { throw .badCredentials("the user name is empty or holds a NUL") }
    self.hash = hash
    self.crypto = crypto
    self.binding = binding
    self.password = password
    nonce = crypto.nonce()
    firstBare = Array("n=".utf8) + Self.escaped(user) + Array(",r=".utf8) + nonce
  }

  package var initialResponse: [UInt8] { Array(binding.header.utf8) + firstBare }

  package mutating func respond(to challenge: [UInt8]) throws(SASLFailure) -> [UInt8] {
    let state = state
    self.state = .failed
    switch state {
    case .began: return try prove(challenge)
    case .proved(let expected):
      try verify(challenge, expected)
      self.state = .verified
      return []
    case .verified, .failed: throw .badChallenge("a message after the last")
    }
  }

  package func checkDone() throws(SASLFailure) {
    guard case .verified = state else { throw .serverNotAuthenticated("it ended the exchange early") }
  }

  private mutating func prove(_ first: [UInt8]) throws(SASLFailure) -> [UInt8] {
    let challenge = try ServerFirst(first, clientNonce: nonce)
    let final = Array("c=\(Base64.encode(Array(binding.header.utf8) + binding.data)),r=".utf8) + challenge.nonce
    let message = firstBare + [UInt8(ascii: ",")] + first + [UInt8(ascii: ",")] + final
    let salted = crypto.pbkdf2(hash, password, challenge.salt, challenge.iterations)
    let clientKey = crypto.hmac(hash, salted, Array("Client Key".utf8))
    let signature = crypto.hmac(hash, crypto.digest(hash, clientKey), message)
    guard clientKey.count == hash.octets, signature.count == hash.octets else {
      throw .badChallenge("the hash is not available")
    }
    let serverKey = crypto.hmac(hash, salted, Array("Server Key".utf8))
    state = .proved(serverSignature: crypto.hmac(hash, serverKey, message))
    return final + Array(",p=\(Base64.encode(zip(clientKey, signature).map { $0 ^ $1 }))".utf8)
  }

  private func verify(_ message: [UInt8], _ expected: [UInt8]) throws(SASLFailure) {
    let field = message.split(separator: UInt8(ascii: ","), maxSplits: 1, omittingEmptySubsequences: false)[0]
    guard field.starts(with: "v=".utf8) else {
      guard field.starts(with: "e=".utf8) else { throw .badChallenge("no signature in its last message") }
      throw .serverNotAuthenticated("it answered with an error")
    }
    guard let signature = Base64.decode(field.dropFirst(2)), signature.count == hash.octets,
      zip(signature, expected).reduce(0, { $0 | ($1.0 ^ $1.1) }) == 0, expected.count == hash.octets
    else { throw .serverNotAuthenticated("its signature is wrong") }
  }

  /// `=` and `,` have a meaning in the messages (RFC 5802 section 5.1).
  private static func escaped(_ user: String) -> [UInt8] {
    user.utf8.flatMap { byte -> [UInt8] in
      switch byte {
      case UInt8(ascii: "="): Array("=3D".utf8)
      case UInt8(ascii: ","): Array("=2C".utf8)
      default: [byte]
      }
    }
  }
}

/// `r=NONCE,s=SALT,i=ITERATIONS` (RFC 5802 section 7, `server-first-message`).
private struct ServerFirst {
  let nonce: [UInt8]
  let salt: [UInt8]
  let iterations: Int

  init(_ message: [UInt8], clientNonce: [UInt8]) throws(SASLFailure) {
    guard message.count <= 4_096 else { throw .badChallenge("a challenge of \(message.count) octets") }
    let fields = message.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    guard fields.count >= 3, fields[0].starts(with: "r=".utf8), fields[1].starts(with: "s=".utf8),
      fields[2].starts(with: "i=".utf8)
    else {
      if fields[0].starts(with: "m=".utf8) { throw .badChallenge("an extension of SCRAM that we don't have") }
      throw .badChallenge("a first message without nonce, salt and iterations")
    }
    nonce = Array(fields[0].dropFirst(2))
    guard nonce.count > clientNonce.count, nonce.starts(with: clientNonce), !clientNonce.isEmpty else {
      throw .badChallenge("a nonce that is not an answer to ours")
    }
    guard nonce.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .badChallenge("a nonce that is no text") }
    guard let salt = Base64.decode(fields[1].dropFirst(2)), !salt.isEmpty else {
      throw .badChallenge("a salt that can't be read")
    }
    self.salt = salt
    let digits = fields[2].dropFirst(2)
    guard (1...7).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw .badChallenge("an iteration count that can't be read")
    }
    iterations = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    guard SCRAMExchange.iterations.contains(iterations) else {
      throw .badChallenge("\(iterations) iterations, where \(SCRAMExchange.iterations) are accepted")
    }
  }
}
