/// A mechanism that is one message of the client.
package struct SingleMessageExchange: Sendable {
  package let initialResponse: [UInt8]

  /// PLAIN: the user and the password (RFC 4616).
  ///
  ///     C: <NUL>tim<NUL>tanstaaftanstaaf
  static func plain(_ identity: SASLIdentity) throws(SASLFailure) -> SingleMessageExchange {
    if identity.user.utf8.contains(0) || identity.secret.contains(0) {
      throw .badCredentials("the user name or the password holds a NUL")
    }
    return SingleMessageExchange(initialResponse: [0] + Array(identity.user.utf8) + [0] + identity.secret)
  }

  /// EXTERNAL: who we are is known already, by a client certificate say (RFC 4422 appendix A). We name the user that we
  /// want to be, so that a certificate of someone else is refused and never opens someone else's mail.
  ///
  ///     C: fred@example.com
  static func external(_ identity: SASLIdentity) throws(SASLFailure) -> SingleMessageExchange {
    if identity.user.utf8.contains(0) { throw .badCredentials("the user name holds a NUL") }
    return SingleMessageExchange(initialResponse: Array(identity.user.utf8))
  }
}
