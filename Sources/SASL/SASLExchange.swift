/// What an exchange wants done.
package enum SASLStep: Hashable, Sendable {
  case answer([UInt8])
  /// Compute this and give it to `derived(_:)`.
  case derive(SASLDerivation)
}

/// Who logs in and where.
package struct SASLIdentity: Hashable, Sendable {
  package var user: String
  /// The password or the token; empty for EXTERNAL.
  package var secret: [UInt8]
  package var host: String
  package var port: Int

  package init(user: String, secret: [UInt8], host: String = "", port: Int = 0) {
    self.user = user
    self.secret = secret
    self.host = host
    self.port = port
  }
}

/// One authentication, from our first message to the server's word that it is done.
package enum SASLExchange: Sendable {
  /// All is said with the first message.
  case single(SingleMessageExchange)
  case bearer(BearerExchange)
  case login(LoginExchange)
  case cramMD5(CRAMMD5Exchange)
  case scram(SCRAMExchange)

  package init(
    _ mechanism: SASLMechanism, _ identity: SASLIdentity, binding: SCRAMBinding, crypto: SASLCrypto
  ) throws(SASLFailure) {
    switch mechanism {
    case .plain: self = .single(try .plain(identity))
    case .external: self = .single(try .external(identity))
    case .oauthBearer: self = .bearer(try .oauthBearer(identity))
    case .xoauth2: self = .bearer(try .xoauth2(identity))
    case .login: self = .login(try LoginExchange(identity))
    case .cramMD5: self = .cramMD5(try CRAMMD5Exchange(identity, crypto: crypto))
    case .scramSHA1, .scramSHA1Plus:
      self = .scram(try SCRAMExchange(.sha1, identity, binding: binding, crypto: crypto))
    case .scramSHA256, .scramSHA256Plus:
      self = .scram(try SCRAMExchange(.sha256, identity, binding: binding, crypto: crypto))
    }
  }

  /// What we say first; nil where the server begins.
  package var initialResponse: [UInt8]? {
    switch self {
    case .single(let exchange): exchange.initialResponse
    case .bearer(let exchange): exchange.initialResponse
    case .login, .cramMD5: nil
    case .scram(let exchange): exchange.initialResponse
    }
  }

  /// The answer to a challenge that came after the initial response.
  package mutating func respond(to challenge: [UInt8]) throws(SASLFailure) -> SASLStep {
    switch self {
    case .single: throw .badChallenge("a question that the mechanism does not have")
    case .bearer(var exchange):
      defer { self = .bearer(exchange) }
      return .answer(try exchange.respond(to: challenge))
    case .login(var exchange):
      defer { self = .login(exchange) }
      return .answer(try exchange.respond())
    case .cramMD5(var exchange):
      defer { self = .cramMD5(exchange) }
      return .answer(try exchange.respond(to: challenge))
    case .scram(var exchange):
      defer { self = .scram(exchange) }
      return try exchange.respond(to: challenge)
    }
  }

  /// What `.derive` asked for; empty where it can't be done.
  package mutating func derived(_ key: [UInt8]) throws(SASLFailure) -> [UInt8] {
    guard case .scram(var exchange) = self else { throw .badChallenge("nothing to be derived") }
    defer { self = .scram(exchange) }
    return try exchange.derived(key)
  }

  /// Whether it is worth another attempt with another type of channel binding.
  package var wantsOtherBinding: Bool {
    if case .scram(let exchange) = self { exchange.wantsOtherBinding } else { false }
  }

  /// Throws when the server says that all is done before it has done its part.
  package func checkDone() throws(SASLFailure) {
    switch self {
    case .single: return
    case .bearer(let exchange): try exchange.checkDone()
    case .login(let exchange): try exchange.checkDone()
    case .cramMD5(let exchange): try exchange.checkDone()
    case .scram(let exchange): try exchange.checkDone()
    }
  }
}
