/// LOGIN: the server asks for the name, then for the password, in words that mean nothing to a program
/// (draft-murchison-sasl-login-00).
///
///     S: Username:
///     C: tim
///     S: Password:
///     C: tanstaaftanstaaf
package struct LoginExchange: Sendable {
  private var answers: [[UInt8]]

  init(_ identity: SASLIdentity) throws(SASLFailure) {
    guard !identity.user.isEmpty, !identity.user.utf8.contains(0), !identity.secret.contains(0) else {
      throw .badCredentials("the user name is empty, or it or the password holds a NUL")
    }
    answers = [Array(identity.user.utf8), identity.secret]
  }

  mutating func respond() throws(SASLFailure) -> [UInt8] {
    if answers.isEmpty { throw .badChallenge("a third question") }
    return answers.removeFirst()
  }

  func checkDone() throws(SASLFailure) {
    if !answers.isEmpty { throw .badChallenge("an acceptance of what was not said") }
  }
}
