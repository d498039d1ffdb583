/// What no text of a server may show: some servers repeat what they did not understand, with the password in it.
package struct ConcealedSecrets: Sendable {
  private var texts: [String] = []

  package init() {}

  package mutating func add(_ secret: [UInt8]) {
    guard !secret.isEmpty else { return }
    texts += [String(decoding: secret, as: UTF8.self), Base64.encode(secret)]
  }

  package mutating func forget() { texts = [] }

  /// The text up to where a secret may begin.
  package func conceal(_ text: String) -> String {
    var shown = text
    for secret in texts {
      if let place = shown.firstRange(of: secret.prefix(16)) {
        shown = String(shown[..<place.lowerBound]) + "(secret)"
      }
    }
    return shown
  }

  /// For a person: with nothing secret in it, and marked where anyone may have said it.
  package func shown(_ text: String, isBeforeTLS: Bool) -> String {
    conceal(text) + (isBeforeTLS ? " (said before TLS, so anyone may have said it)" : "")
  }
}
