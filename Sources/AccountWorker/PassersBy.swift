/// Signs that messages were somewhere for a moment only: UIDs that were given since the last look at a mailbox and that no
/// message has, or messages of which a turn could not find out what they are. Such a message may be one that has left
/// another mailbox and has moved on, to where a pass over the account that was under way had looked before. So that pass
/// says of no message that it is nowhere; the next one does, or one of the next where the signs go on, as they do where
/// another program sorts mail.
struct PassersBy: Sendable {
  private var last: Int64?
  /// By mailbox, up to which UID was looked for those that no message has.
  private var seen: [Int64: UInt32] = [:]
  /// When the first was put off of the passes that are put off in a row.
  private var putOffSince: Int64?

  /// For so long passes are put off, and so is the first that began within it; nanoseconds.
  private static let patience: Int64 = 10_000_000_000

  mutating func note(at time: Int64) { last = time }

  /// From which UID on those that no message has are news, of a mailbox that was known up to `known` and gives `next` next.
  func firstNews(of mailbox: Int64, known: UInt32, next: UInt32) -> UInt32 {
    // After a new UIDVALIDITY they begin anew.
    guard let seen = seen[mailbox], seen <= next else { return known }
    return max(seen, known)
  }
  mutating func noteSeen(_ mailbox: Int64, next: UInt32) { seen[mailbox] = next }

  /// Nothing waits for a conclusive pass.
  mutating func nothingPutOff() { putOffSince = nil }

  /// Whether a pass that ends now has seen all that there was; asked where something is put off if it has not.
  /// - Parameters:
  ///   - began: when the pass began.
  ///   - now: the time now; both in nanoseconds since 1970.
  mutating func isConclusive(_ began: Int64, now: Int64) -> Bool {
    // What is of the future was noted before the clock was set back.
    if let last, last > now { self.last = nil }
    if let since = putOffSince, since > now { putOffSince = now }
    guard began <= now else { return false }
    guard let last, began <= last else {
      putOffSince = nil
      return true
    }
    guard let since = putOffSince else {
      putOffSince = now
      return false
    }
    guard began - since >= Self.patience else { return false }
    putOffSince = nil
    return true
  }
}
