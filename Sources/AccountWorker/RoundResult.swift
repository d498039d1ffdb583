import SyncPlanner

/// What one round did to one mailbox.
struct RoundResult: Sendable {
  var delivered = 0
  var flagsChanged = 0
  var quarantined = 0
  /// Came from other mailboxes because another client moved them.
  var moved = 0
  /// Have left the mailbox; where they are now is not known yet.
  var departed = 0
  /// What went to the server.
  var sent = PushRound.Result()
  var plan: MailboxPlan
  /// The mailbox changed while the round ran, or others are to be looked at first: another one follows at once.
  var isStale = false
  /// Only time, or another mailbox, tells what some of its messages are; until then it counts as not looked at.
  var isWaiting = false
  /// Other mailboxes were selected meanwhile: what came to them may have been told to nobody.
  var hasLookedElsewhere = false
  /// Messages are there of which another round finds out what they are.
  var hasUnknown = false
  /// What may just have been moved here: where it was is to be looked at before it is fetched.
  var possibleMoves = PossibleMoves()
  var notices: [SyncFailure] = []

  mutating func add(_ other: RoundResult) {
    delivered += other.delivered
    flagsChanged += other.flagsChanged
    quarantined += other.quarantined
    moved += other.moved
    departed += other.departed
    isStale = other.isStale
    isWaiting = other.isWaiting
    hasUnknown = other.hasUnknown
    notices = other.notices
  }

  mutating func add(_ pushed: PushRound.Result) {
    sent.add(pushed)
  }

  /// What is to be told of the rounds and of what was sent in between, each once.
  mutating func conclude() {
    for notice in sent.notices where !notices.contains(notice) { notices.append(notice) }
  }
}
