/// What there is to show to a server.
package enum CredentialKind: Hashable, Sendable {
  case password
  /// An OAuth 2.0 access token (RFC 6750).
  case token
  /// Nothing that is sent: a client certificate says who we are, or the session begins with PREAUTH.
  case none
}
