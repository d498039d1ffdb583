/// Why a request was not done; an error of the interface each.
package enum ControlError: Error, Equatable, Sendable {
  case noSuchAccount(String)
  /// A line for each problem: `WHERE: WHAT; REMEDY`
  case invalidConfiguration([String])
  /// Too much is asked at once; says what of.
  case busy(String)
  /// It was tried and could not be done.
  case failed(location: String, what: String, remedy: String)
}
