import SASL

/// What a sign-in needs to know before it begins.
package struct SignInPolicy: Hashable, Sendable {
  package enum TLS: Hashable, Sendable {
    case implicit
    case startTLS
    /// No TLS at all; credentials go out only where the configuration allows it by name or the host is loopback.
    case none(allowCredentials: Bool)
  }

  /// How a token goes out, which is often too long for a command line of 255 octets.
  package enum TokenForm: Hashable, Sendable {
    /// With AUTH; for XOAUTH2 on a line of any length, as Google describes it.
    case atOnce
    /// After an empty challenge (RFC 5034 section 4).
    case afterChallenge
  }

  package var tls: TLS
  package var user: String
  package var credential: CredentialKind
  /// The server's name and port, which OAUTHBEARER sends along; empty and 0 where there is none.
  package var host: String
  package var port: Int
  /// `scram-sha-256`, `plain`, `login`, `user` for USER and PASS, `apop` and the like in the order to prefer; nil for
  /// the strongest that both sides have. `login` means USER and PASS, too.
  package var mechanisms: [String]?
  package var tokenForm: TokenForm

  package init(
    tls: TLS, user: String, credential: CredentialKind = .password, host: String = "", port: Int = 0,
    mechanisms: [String]? = nil, tokenForm: TokenForm = .atOnce
  ) {
    self.tls = tls
    self.user = user
    self.credential = credential
    self.host = host
    self.port = port
    self.mechanisms = mechanisms
    self.tokenForm = tokenForm
  }
}

/// What the sign-in wants done, in order.
package enum SignInAction: Hashable, Sendable {
  /// Each shape is that of one answer to come. `description` is what a log may show: no secret is in it.
  case send([UInt8], expecting: [ReplyShape], description: String)
  /// Answer with `password(_:)`.
  case needPassword
  /// Answer with `derived(_:)`; it may take a second of computing.
  case derive(SASLDerivation)
  /// Report the octets already received beyond the answer with `bytesBufferedAtStartTLS`, then make TLS, then
  /// `tlsEstablished()`.
  case startTLS
  case established(ServerCapabilities, SignInFacts)
  case fail(SignInFailure)
}

/// What was learnt on the way.
package struct SignInFacts: Hashable, Sendable {
  package var greeting = ""
  /// The mechanism used, in upper case: `SCRAM-SHA-256`, `USER`, `APOP`.
  package var mechanism = ""
  /// Headers come in UTF-8 as they are (RFC 6856 section 2).
  package var hasUTF8Mode = false

  package init() {}
}

/// Why no session came about.
package enum SignInFailure: Error, Hashable, Sendable {
  case session(SessionFailure)
  /// The server says "not now"; the text is its own, sanitised. `seconds` where it has said how long.
  case wait(PauseReason, seconds: Int?, text: String)
}
