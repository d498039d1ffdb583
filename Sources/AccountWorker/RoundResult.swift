import SyncPlanner

/// What one round did to one mailbox.
struct RoundResult: Sendable {
  var delivered = 0
  var flagsChanged = 0
  var quarantined = 0
  var plan: MailboxPlan
  /// The mailbox changed while the round ran: another one follows at once.
  var isStale = false
  var notices: [SyncFailure] = []

  mutating func add(_ other: RoundResult) {
    delivered += other.delivered
    flagsChanged += other.flagsChanged
    quarantined += other.quarantined
    isStale = other.isStale
    notices = other.notices
  }
}
