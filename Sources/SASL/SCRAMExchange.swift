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

  private enum State {
    case began
    /// The salted password is being computed.
    case deriving(final: [UInt8], message: [UInt8])
    case proved(serverSignature: [UInt8])
    case verified
    case failed
    /// The server can bind, but not in the way that we chose.
    case refusedBindingType
  }

  private let hash: SASLHash
  private let crypto: SASLCrypto
  private let binding: SCRAMBinding
  private let password: [UInt8]
  private let nonce: [UInt8]
  private let firstBare: [UInt8]
  private var state = State.began

  package init(
    _ hash: SASLHash, _ identity: SASLIdentity, binding: SCRAMBinding = .none, crypto: SASLCrypto
  ) throws(SASLFailure) {
    let user = identity.user
    guard !user.isEmpty, !user.utf8.contains(0) else { throw .badCredentials("the user name is empty or holds a NUL") }
    self.hash = hash
    self.crypto = crypto
    self.binding = binding
    password = SASLPrep.prepare(identity.secret)
    nonce = crypto.nonce()
    firstBare = Array("n=".utf8) + Self.escaped(user) + Array(",r=".utf8) + nonce
  }

  package var initialResponse: [UInt8] { Array(binding.header.utf8) + firstBare }

  package mutating func respond(to challenge: [UInt8]) throws(SASLFailure) -> SASLStep {
    let state = state
    self.state = .failed
    switch state {
    case .began: return .derive(try prove(challenge))
    case .proved(let expected):
      if challenge.starts(with: "e=unsupported-channel-binding-type".utf8), case .bound = binding {
        self.state = .refusedBindingType
        return .answer([])
      }
      try verify(challenge, expected)
      self.state = .verified
      return .answer([])
    case .deriving, .verified, .failed, .refusedBindingType: throw .badChallenge("a message after the last")
    }
  }

  /// Whether it is worth another attempt with another type of channel binding.
  package var wantsOtherBinding: Bool { if case .refusedBindingType = state { true } else { false } }

  package func checkDone() throws(SASLFailure) {
    guard case .verified = state else { throw .serverNotAuthenticated("it ended the exchange early") }
  }

  private mutating func prove(_ first: [UInt8]) throws(SASLFailure) -> SASLDerivation {
    let challenge = try ServerFirst(first, clientNonce: nonce)
    let final = Array("c=\(Base64.encode(Array(binding.header.utf8) + binding.data)),r=".utf8) + challenge.nonce
    let message = firstBare + [UInt8(ascii: ",")] + first + [UInt8(ascii: ",")] + final
    state = .deriving(final: final, message: message)
    return SASLDerivation(hash: hash, password: password, salt: challenge.salt, iterations: challenge.iterations)
  }

  /// The answer to the server's first message, now that the salted password is known.
  package mutating func derived(_ salted: [UInt8]) throws(SASLFailure) -> [UInt8] {
    guard case .deriving(let final, let message) = state else { throw .badChallenge("nothing to be derived") }
    state = .failed
    let clientKey = crypto.hmac(hash, salted, Array("Client Key".utf8))
    let signature = crypto.hmac(hash, crypto.digest(hash, clientKey), message)
    guard salted.count == hash.octets, clientKey.count == hash.octets, signature.count == hash.octets else {
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
      throw .serverNotAuthenticated(Self.errorText(field.dropFirst(2)))
    }
    guard let signature = Base64.decode(field.dropFirst(2)), signature.count == hash.octets,
      zip(signature, expected).reduce(0, { $0 | ($1.0 ^ $1.1) }) == 0, expected.count == hash.octets
    else { throw .serverNotAuthenticated("its signature is wrong") }
  }

  /// The errors of RFC 5802 section 7 that a person can make something of.
  private static func errorText(_ value: ArraySlice<UInt8>) -> String {
    switch String(decoding: value, as: UTF8.self) {
    case "channel-bindings-dont-match": "the TLS connection does not end at it, so someone may be between"
    case "server-does-support-channel-binding":
      "it offers channel binding, but someone between has removed the offer; set auth to what is to be trusted"
    case "unsupported-channel-binding-type": "it does not have our type of channel binding"
    default: "it answered with an error"
    }
  }

  /// `=` and `,` have a meaning in the messages (RFC 5802 section 5.1).
  static func escaped(_ user: String) -> [UInt8] {
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
