extension ResponseText {
  /// The server wants to be left alone for a while, by code or in words: `NO Request is throttled. Suggested Backoff
  /// Time: 299961 milliseconds` (Exchange), `NO [ALERT] Too many simultaneous connections. (Failure)` (Gmail), `NO
  /// Maximum number of connections from user+IP exceeded` (Dovecot), `NO [LIMIT] ...`, `NO [THROTTLED] ...`.
  package var isThrottling: Bool {
    switch code {
    case .throttled?, .limit?, .inUse?: return true
    default: break
    }
    let words = text.lowercased()
    return Self.marks.contains { words.contains($0) }
  }

  /// A server that ends the session with this is not to be asked at once (`* BYE [UNAVAILABLE] ...`); without it, it may
  /// only have been started anew.
  package var wantsPause: Bool { code == .unavailable || isThrottling }

  private static let marks = [
    "throttled", "backoff time", "rate limit", "too many simultaneous", "too many connections",
    "too many open connections", "maximum number of connections", "connection limit",
  ]
}
