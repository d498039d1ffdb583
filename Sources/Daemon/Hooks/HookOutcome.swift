/// How a run of a hook ended.
package enum HookOutcome: Equatable, Sendable {
  case succeeded
  case exited(status: Int32)
  case killed(signal: Int32)
  /// It took longer than it may, and was ended.
  case timedOut(after: Duration)
  /// With the system's reason.
  case notStarted(reason: String)
  /// The daemon stopped or lost interest, which is nobody's failure.
  case interrupted

  /// What a person is told; nil for what is no failure.
  package var failure: String? {
    switch self {
    case .succeeded, .interrupted: nil
    case .exited(let status): "ended with exit status \(status)"
    case .killed(let signal): "was ended by signal \(signal)"
    case .timedOut(let limit): "took longer than \(limit.components.seconds) s and was ended"
    case .notStarted(let reason): "can't be started: \(reason)"
    }
  }
}
