/// How long a hook waits for quiet, and how long it may take.
package struct HookTimings: Equatable, Sendable {
  /// A burst is over when nothing has changed for this long,
  package var quiet: Duration
  /// and at the latest this long after its first change.
  package var latest: Duration
  /// How long one run may take before it is told to end.
  package var limit: Duration
  /// How long it then has before it is killed.
  package var grace: Duration
  /// How long it has when the daemon stops.
  package var graceAtStop: Duration

  package init(
    quiet: Duration = .milliseconds(500), latest: Duration = .seconds(5), limit: Duration = .seconds(600),
    grace: Duration = .seconds(5), graceAtStop: Duration = .seconds(1)
  ) {
    self.quiet = quiet
    self.latest = latest
    self.limit = limit
    self.grace = grace
    self.graceAtStop = graceAtStop
  }
}
