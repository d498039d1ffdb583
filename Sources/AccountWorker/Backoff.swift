import MailConnections

/// How long to wait before an account is tried again. It grows while nothing else is heard, and each cause has its own
/// measure: a network comes back in seconds, a wrong password does not, and a server that refuses logins must not be
/// hammered.
struct Backoff: Sendable {
  enum Cause: String, Hashable, Sendable {
    /// The server can't be reached, or the connection broke.
    case network
    /// The server answers and says "not now".
    case busy
    /// The login was refused, or cannot be made.
    case refused
    /// The password could not be had.
    case noPassword
    /// Something on this machine: a missing disk, another process at work.
    case local
    /// Another program has the maildrop open.
    case inUse
    /// The server wants more time between two logins.
    case loginDelay
  }

  private var cause: Cause?
  private var failures = 0

  /// Something went well.
  mutating func reset() { self = Backoff() }

  /// The pause after one more failure.
  /// - Parameters:
  ///   - jitter: from 0 to 1, so that many clients of a server that comes back do not come all at once.
  ///   - lasted: how long the failure took. Where a network swallows everything that is most of the pause already: from
  ///     one try to the next it is no longer than where it refuses, so that one that works again is found as soon.
  mutating func pause(after cause: Cause, jitter: Double, lasted: Duration = .zero) -> Duration {
    if cause != self.cause { failures = 0 }
    self.cause = cause
    let (first, longest) = Self.bounds(cause)
    let seconds = min(first * Double(1 << min(failures, 20)), longest)
    failures += 1
    let pause = Duration.milliseconds(Int64(seconds * (0.8 + 0.4 * jitter) * 1_000))
    guard cause == .network else { return pause }
    return max(pause - lasted, min(pause, .milliseconds(Int64(first * (0.8 + 0.4 * jitter) * 1_000))))
  }

  /// Seconds.
  private static func bounds(_ cause: Cause) -> (first: Double, longest: Double) {
    switch cause {
    case .network: (1, 30)
    case .busy: (10, 900)
    case .refused: (300, 3_600)
    case .noPassword: (10, 600)
    case .local: (5, 60)
    case .inUse: (5, 120)
    case .loginDelay: (10, 900)
    }
  }
}

extension Backoff.Cause {
  init(_ error: any Error) {
    if let failure = error as? POP3Failure {
      self = .init(failure)
      return
    }
    guard let error = error as? ConnectionError else {
      self = .local
      return
    }
    switch error {
    case .noPassword: self = .noPassword
    case .session(.authenticationRefused), .session(.badCredentials), .session(.noCommonMechanism),
      .session(.serverNotAuthenticated), .session(.tlsRequired):
      self = .refused
    case .session, .refused, .incomplete, .unencodable: self = .busy
    case .transport(.tls(.truncated)), .transport(.tls(.broken)), .transport(.tls(.timedOut)): self = .network
    case .transport(.tls), .transport(.badSettings): self = .busy
    case .transport, .broken, .bye, .timedOut, .closed: self = .network
    }
  }
}

extension Backoff.Cause {
  init(_ failure: POP3Failure) {
    switch failure {
    case .wait(let wait):
      switch wait.kind {
      case .inUse: self = .inUse
      case .loginDelay: self = .loginDelay
      case .temporary: self = .busy
      }
    case .transport(let error): self.init(ConnectionError.transport(error))
    case .session(let error): self.init(ConnectionError.session(error))
    case .noPassword: self = .noPassword
    case .refused, .badServer: self = .busy
    case .dropped, .timedOut, .unknownOutcome, .closed: self = .network
    }
  }
}

/// How long the server wants to be left alone, where it has said so.
func suggestedPause(_ error: any Error, _ text: String) -> Duration? {
  if case .wait(let wait)? = error as? POP3Failure, let after = wait.after {
    return min(max(after, .zero), .seconds(86_400)) + .seconds(1)
  }
  return suggestedPause(text)
}

/// `NO Request is throttled. Suggested Backoff Time: 299961 milliseconds`, as Exchange says it (V5).
func suggestedPause(_ text: String) -> Duration? {
  guard let mark = text.range(of: "Suggested Backoff Time: ") else { return nil }
  let digits = text[mark.upperBound...].prefix { $0.isASCII && $0.isNumber }
  guard let milliseconds = Int64(digits.prefix(9)), milliseconds > 0 else { return nil }
  return min(.milliseconds(milliseconds), .seconds(3_600))
}
