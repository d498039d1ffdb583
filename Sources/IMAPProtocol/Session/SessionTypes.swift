import MailModel
import SASL

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
  /// COMPRESS DEFLATE where offered.
  package var compress: Bool

  package init(
    tls: TLS, user: String, credential: CredentialKind = .password, host: String = "", port: Int = 0,
    mechanisms: [String]? = nil, clientID: [String: String] = [:], enableResync: Bool = true, compress: Bool = false
  ) {
    self.tls = tls
    self.user = user
    self.credential = credential
    self.host = host
    self.port = port
    self.mechanisms = mechanisms
    self.clientID = clientID
    self.enableResync = enableResync
    self.compress = compress
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
  /// What comes after this response is compressed, and so is all that is sent from now on (RFC 4978).
  case compress
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
  /// RFC 4978.
  package var isCompressed = false

  package init() {}

  package var hasEnabledQResync: Bool { enabled.contains("QRESYNC") }
  /// RFC 6855.
  package var hasEnabledUTF8: Bool { enabled.contains("UTF8=ACCEPT") }
}
