import MailModel
import SASL

/// What there is to show to a server.
package enum CredentialKind: Hashable, Sendable {
  case password
  /// An OAuth 2.0 access token (RFC 6750).
  case token
  /// Nothing that is sent: a client certificate says who we are, or the session begins with PREAUTH.
  case none
}

/// What a session needs to know before it begins.
package struct SessionPolicy: Hashable, Sendable {
  package enum TLS: Hashable, Sendable {
    case implicit
    case startTLS
    /// No TLS at all; credentials go out only where the configuration allows it by name or the host is loopback.
    case none(allowCredentials: Bool)
  }

  package var tls: TLS
  package var user: String
  package var credential: CredentialKind
  /// The server's name and port, which OAUTHBEARER sends along; empty and 0 where there is none.
  package var host: String
  package var port: Int
  /// `scram-sha-256`, `plain`, `login` and the like in the order to prefer; nil for the strongest that both have.
  package var mechanisms: [String]?
  /// What we call ourselves (RFC 2971); nothing is sent when empty.
  package var clientID: [String: String]
  /// ENABLE QRESYNC (or CONDSTORE) where offered.
  package var enableResync: Bool

  package init(
    tls: TLS, user: String, credential: CredentialKind = .password, host: String = "", port: Int = 0,
    mechanisms: [String]? = nil, clientID: [String: String] = [:], enableResync: Bool = true
  ) {
    self.tls = tls
    self.user = user
    self.credential = credential
    self.host = host
    self.port = port
    self.mechanisms = mechanisms
    self.clientID = clientID
    self.enableResync = enableResync
  }
}

/// What the session machine wants done, in order.
package enum SessionAction: Hashable, Sendable {
  /// `description` is what a log may show: no secret is in it.
  case send([UInt8], description: String)
  /// Answer with `password(_:)`.
  case needPassword
  /// Answer with `derived(_:)`; it may take a second of computing.
  case derive(SASLDerivation)
  /// Show this to the person (RFC 3501 section 7.1, ALERT). Without TLS anyone may have said it.
  case alert(String, isProtected: Bool)
  /// Report the bytes already received beyond the answer with `bytesBufferedAtStartTLS`, then make TLS, then
  /// `tlsEstablished()`.
  case startTLS
  case established(CapabilitySet, SessionFacts)
  case fail(SessionFailure)
}

/// What was learnt on the way to an authenticated session.
package struct SessionFacts: Hashable, Sendable {
  package var greeting: ResponseText = ResponseText()
  package var namespaces: Namespaces?
  package var serverID: [String: String?] = [:]
  /// What ENABLE confirmed, in upper case.
  package var enabled: [String] = []
  /// The mechanism used, in upper case; nil after PREAUTH.
  package var mechanism: String?

  package init() {}

  package var hasEnabledQResync: Bool { enabled.contains("QRESYNC") }
  /// RFC 6855.
  package var hasEnabledUTF8: Bool { enabled.contains("UTF8=ACCEPT") }
}

/// Why no session came about. The texts are the server's, sanitised.
package enum SessionFailure: Error, Hashable, Sendable {
  case authenticationRefused(String)
  /// The server can't do what the policy asks before credentials may be sent.
  case tlsRequired(String)
  case noCommonMechanism(offered: [String])
  /// The server couldn't show that it knows the password.
  case serverNotAuthenticated(String)
  case protocolViolation(String)
  case bye(String)
  /// To be tried again later.
  case unavailable(String)
  case badCredentials(String)
}

extension SessionFailure: CustomStringConvertible {
  package var description: String {
    switch self {
    case .authenticationRefused(let text): "the server refused the login: \(text); check user and password"
    case .tlsRequired(let text): "\(text); no credentials were sent; check tls and port"
    case .noCommonMechanism(let offered):
      "no way to log in that both sides have; the server offers "
        + (offered.isEmpty ? "none" : offered.joined(separator: ", ")) + "; change auth"
    case .serverNotAuthenticated(let text):
      "the server did not prove that it knows the password: \(text); it may be an impostor; check host and password"
    case .protocolViolation(let what): "the server does not keep to the protocol: \(what); check host and port"
    case .bye(let text): "the server ended the session: \(text)"
    case .unavailable(let text): "the server can't serve now: \(text); it is tried again later"
    case .badCredentials(let what): "\(what); correct user or password"
    }
  }
}
