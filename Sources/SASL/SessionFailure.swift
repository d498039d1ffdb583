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

extension SessionFailure {
  /// What the failure of an exchange means for the session.
  package init(_ failure: SASLFailure) {
    switch failure {
    case .badCredentials(let what): self = .badCredentials(what)
    case .badChallenge(let what): self = .protocolViolation("in the login it sent \(what)")
    case .serverNotAuthenticated(let what): self = .serverNotAuthenticated(what)
    }
  }
}
