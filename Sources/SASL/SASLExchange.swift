/// A mechanism that we have, strongest first.
package enum SASLMechanism: String, CaseIterable, Hashable, Sendable {
  case scramSHA256 = "SCRAM-SHA-256"
  case scramSHA1 = "SCRAM-SHA-1"
  case plain = "PLAIN"
}

/// Why an exchange can't go on.
package enum SASLFailure: Error, Hashable, Sendable {
  /// The user name or the password can't be sent by this mechanism.
  case badCredentials(String)
  /// The server's message is not what the mechanism allows.
  case badChallenge(String)
  /// The server doesn't know the password.
  case serverNotAuthenticated(String)
}

/// One authentication, from our first message to the server's word that it is done.
package enum SASLExchange: Sendable {
  case plain(PlainExchange)
  case scram(SCRAMExchange)

  package init(
    _ mechanism: SASLMechanism, user: String, password: [UInt8], crypto: SASLCrypto
  ) throws(SASLFailure) {
    switch mechanism {
    case .plain: self = .plain(try PlainExchange(user: user, password: password))
    case .scramSHA1: self = .scram(try SCRAMExchange(.sha1, user: user, password: password, crypto: crypto))
    case .scramSHA256: self = .scram(try SCRAMExchange(.sha256, user: user, password: password, crypto: crypto))
    }
  }

  /// What we say first; both mechanisms let the client begin.
  package var initialResponse: [UInt8] {
    switch self {
    case .plain(let exchange): exchange.initialResponse
    case .scram(let exchange): exchange.initialResponse
    }
  }

  /// The answer to a challenge that came after the initial response.
  package mutating func respond(to challenge: [UInt8]) throws(SASLFailure) -> [UInt8] {
    switch self {
    case .plain: throw .badChallenge("a question that PLAIN does not have")
    case .scram(var exchange):
      defer { self = .scram(exchange) }
      return try exchange.respond(to: challenge)
    }
  }

  /// Throws when the server says that all is done before it has done its part.
  package func checkDone() throws(SASLFailure) {
    if case .scram(let exchange) = self { try exchange.checkDone() }
  }
}

/// PLAIN: the user and the password in one message (RFC 4616).
package struct PlainExchange: Sendable {
  package let initialResponse: [UInt8]

  package init(user: String, password: [UInt8]) throws(SASLFailure) {
    if user.utf8.contains(0) || password.contains(0) {
      throw .badCredentials("the user name or the password holds a NUL")
    }
    initialResponse = [0] + Array(user.utf8) + [0] + password
  }
}
