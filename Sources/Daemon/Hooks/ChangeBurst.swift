import ControlProtocol

/// Gathers the changes of one account until they settle, so that a hook runs once for a burst of them.
///
/// A stream of changes that never pauses still gives a burst every few seconds, and however many there are, only a
/// bounded number is kept; the rest is counted.
package struct ChangeBurst: Sendable {
  package static let capacity = 10_000

  private let timings: HookTimings
  private var gathered = SettledChanges()
  private var first: SuspendingClock.Instant?
  private var last: SuspendingClock.Instant?

  package init(timings: HookTimings = HookTimings()) { self.timings = timings }

  package mutating func add(_ changes: [MailChange], at now: SuspendingClock.Instant) {
    guard !changes.isEmpty else { return }
    first = first ?? now
    last = now
    for change in changes { gathered.add(change, capacity: Self.capacity) }
  }

  /// When the burst is over as far as is known now; nil while there is none.
  package var due: SuspendingClock.Instant? {
    guard let first, let last else { return nil }
    return min(last + timings.quiet, first + timings.latest)
  }

  /// The whole burst once it is over; the next change starts another.
  package mutating func take(at now: SuspendingClock.Instant) -> SettledChanges? {
    guard let due, due <= now else { return nil }
    return takeNow()
  }

  /// The burst as it is; nil where nothing changed.
  package mutating func takeNow() -> SettledChanges? {
    guard first != nil else { return nil }
    defer { self = ChangeBurst(timings: timings) }
    return gathered
  }
}

/// What changed in one burst.
package struct SettledChanges: Equatable, Sendable {
  /// In the order in which they came.
  package private(set) var changes: [MailChange] = []
  /// How many more there were than are kept.
  package private(set) var omitted = 0
  /// Of all, the omitted ones included.
  package private(set) var counts: [MailChange.Kind: Int] = [:]
  /// The mailboxes of all, each once.
  package private(set) var mailboxes: [String] = []
  private var known: Set<String> = []

  mutating func add(_ change: MailChange, capacity: Int) {
    counts[change.kind, default: 0] += 1
    if known.count < capacity, known.insert(change.mailbox).inserted { mailboxes.append(change.mailbox) }
    if changes.count < capacity {
      changes.append(change)
    } else {
      omitted += 1
    }
  }
}
