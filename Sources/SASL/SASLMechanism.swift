/// A mechanism that we have.
package enum SASLMechanism: String, CaseIterable, Hashable, Sendable {
  case scramSHA256Plus = "SCRAM-SHA-256-PLUS"
  case scramSHA1Plus = "SCRAM-SHA-1-PLUS"
  case scramSHA256 = "SCRAM-SHA-256"
  case scramSHA1 = "SCRAM-SHA-1"
  case plain = "PLAIN"
  /// Older than PLAIN and never a standard; some servers have nothing else.
  case login = "LOGIN"
  case cramMD5 = "CRAM-MD5"
  case oauthBearer = "OAUTHBEARER"
  case xoauth2 = "XOAUTH2"
  case external = "EXTERNAL"

  /// Bound to the TLS channel.
  package var isBound: Bool { self == .scramSHA256Plus || self == .scramSHA1Plus }

  package var isSCRAM: Bool { isBound || self == .scramSHA256 || self == .scramSHA1 }

  /// What sends a password, strongest first. The bound ones come before all others: their very offer obliges a client
  /// that can bind to do so (RFC 5802 section 6).
  ///
  /// Inside TLS, PLAIN comes before CRAM-MD5. CRAM-MD5 hides the password from no one there but the server, which must
  /// keep it readable for it; and many servers offer CRAM-MD5 to all but can do it only for some users, for whom alone
  /// they keep it so, and refuse the right passwords of the others. Without TLS, hiding is what counts.
  package static func forPasswords(insideTLS: Bool) -> [SASLMechanism] {
    let scram: [SASLMechanism] = [.scramSHA256Plus, .scramSHA1Plus, .scramSHA256, .scramSHA1]
    return scram + (insideTLS ? [.plain, .cramMD5] : [.cramMD5, .plain])
  }

  /// What sends a token: the standard before the one that was there first.
  package static let forTokens: [SASLMechanism] = [.oauthBearer, .xoauth2]
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
