import SyncPlanner
import SyncState

/// What an account's sync came to.
package struct SyncOutcome: Sendable {
  package var account: String
  package var delivered = 0
  package var flagsChanged = 0
  package var quarantined = 0
  /// Sent to the server.
  package var uploaded = 0
  package var moved = 0
  package var deleted = 0
  package var flagsStored = 0
  /// Acts on the server that turned out not to have been done, or may not have been.
  var undone = 0
  package var octets: Int64 = 0
  package var holds = 0
  package var pendingLocal = 0
  package var mailboxes = 0
  package var folderPlans: [FolderPlan] = []
  package var plans: [MailboxPlan] = []
  package var drains: [DrainPreview] = []
  package var failures: [SyncFailure] = []
  /// What the person should know although nothing failed: state rebuilt, a mailbox that the server no longer lists.
  package var notices: [String] = []

  package init(account: String) { self.account = account }

  /// How much was done or left undone in one mailbox that another one's turn is to take up.
  var forOthers: Int { moved + deleted + undone }

  /// Adds the end of one mailbox's turn.
  mutating func add(_ result: Result<RoundResult, SyncFailure>, isDryRun: Bool = false) {
    switch result {
    case .success(let round):
      delivered += round.delivered
      flagsChanged += round.flagsChanged
      quarantined += round.quarantined
      uploaded += round.sent.uploaded
      moved += round.sent.moved + round.moved
      deleted += round.sent.deleted
      flagsStored += round.sent.flagsStored
      undone += round.sent.undone
      add(round.notices)
      if isDryRun { plans.append(round.plan) }
    case .failure(let failure): add([failure])
    }
  }

  /// Each is told once, however many passes meet it. A hold is no failure.
  mutating func add(_ more: [SyncFailure]) {
    for failure in more {
      if failure.isHold {
        if !notices.contains(failure.description) { notices.append(failure.description) }
      } else if !failures.contains(failure) {
        failures.append(failure)
      }
    }
  }

  /// Adds what a later pass came to.
  mutating func add(_ later: SyncOutcome) {
    delivered += later.delivered
    flagsChanged += later.flagsChanged
    quarantined += later.quarantined
    uploaded += later.uploaded
    moved += later.moved
    deleted += later.deleted
    flagsStored += later.flagsStored
    octets += later.octets
    (holds, pendingLocal, mailboxes) = (later.holds, later.pendingLocal, later.mailboxes)
    add(later.failures)
    for notice in later.notices where !notices.contains(notice) { notices.append(notice) }
  }
}

extension OpenAccount {
  /// Writes down what keeps a mailbox from being mirrored as it should.
  func note(_ result: Result<RoundResult, SyncFailure>, of work: RoundWork) async {
    if case .success(let round) = result { report(holds: round.notices, in: work.record.name) }
    let trouble: SyncFailure? =
      switch result {
      case .success(let round): round.notices.first { $0.scope == .mailbox && !$0.isHold }
      case .failure(let failure): failure.scope == .mailbox ? failure : nil
      }
    guard let trouble else { return }
    do {
      try await state.setProblem(of: work.record.id, what: trouble.what, remedy: trouble.remedy, now: now())
    } catch {
      pipeline.fail(error)
    }
  }

  /// Writes down how the account stands after a sync of it, and lets go of what quarantine has kept long enough.
  func conclude(_ outcome: inout SyncOutcome, isDryRun: Bool, isWhole: Bool) async throws {
    if !isDryRun {
      try await purgeQuarantine()
      try await state.purgeHistory(now: now())
    }
    outcome.holds = try await state.holds().count
    outcome.pendingLocal = settings.drain == nil ? try await state.pendingLocalCount() : 0
    guard !isDryRun else { return }
    if let failure = outcome.failures.first(where: { $0.scope == .account }) {
      guard !failure.isWait else { return }
      try await state.setAccountProblem(what: failure.what, remedy: failure.remedy, now: now())
      return
    }
    try await state.setAccountSuccess(now: now())
    if pointsElsewhere, outcome.failures.isEmpty, outcome.holds == 0, isWhole {
      try await state.setServer(settings.server)
    }
  }
}
