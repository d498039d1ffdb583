import SyncPlanner
import SyncState

/// Those who wait for a sync to be done: each is answered when a survey that began after it asked has been worked off.
actor SyncRequests {
  /// One that is done, with what it came to.
  struct Completed: Sendable {
    var outcome: SyncOutcome
    let isWhole: Bool
    /// Nil for the worker's own polls.
    let answer: CheckedContinuation<SyncOutcome, Never>?
  }

  private struct Tracker {
    let only: Set<String>
    let answer: CheckedContinuation<SyncOutcome, Never>?
    let octetsBefore: Int64
    var outcome: SyncOutcome
    /// The turn of each mailbox that must end.
    var pending: [Int64: WorkQueue.Turn] = [:]
    var isSurveyed = false
  }

  private let account: String
  private let meter: ProgressMeter
  private var waiting: [Tracker] = []
  private var running: [Tracker] = []
  /// Why there will be no more; nil while there may be.
  private var ending: SyncFailure?

  init(account: String, meter: ProgressMeter) {
    self.account = account
    self.meter = meter
  }

  /// Asks for a sync and waits for its end. `wake` is called when the request is written down.
  func ask(only: Set<String>, wake: @Sendable () -> Void) async -> SyncOutcome {
    if let ending {
      var outcome = SyncOutcome(account: account)
      outcome.failures = [ending]
      return outcome
    }
    return await withCheckedContinuation { answer in
      waiting.append(tracker(only: only, answer: answer))
      wake()
    }
  }

  private func tracker(only: Set<String>, answer: CheckedContinuation<SyncOutcome, Never>?) -> Tracker {
    Tracker(
      only: only, answer: answer, octetsBefore: meter.current.octets, outcome: SyncOutcome(account: account))
  }

  var isAnyWaiting: Bool { !waiting.isEmpty }

  /// A survey begins: it answers all that have asked, and is a sync of the whole account by itself.
  func surveyBegins() {
    running += waiting
    waiting = []
    running.append(tracker(only: [], answer: nil))
  }

  /// What the survey found, and the turn by which each of its mailboxes will be done.
  func surveyed(_ survey: AccountSurvey.Result, turns: [Int64: WorkQueue.Turn]) -> [Completed] {
    for place in running.indices where !running[place].isSurveyed {
      let only = running[place].only
      func isMeant(_ name: String) -> Bool { only.isEmpty || only.contains(name) }
      let mailboxes = survey.mailboxes.filter { isMeant($0.record.name.description) }
      running[place].isSurveyed = true
      running[place].outcome.mailboxes = mailboxes.count
      running[place].outcome.add(
        survey.failures.filter { failure in
          failure.scope == .account || only.isEmpty || only.contains { failure.location == "\(account)/\($0)" }
        })
      for name in only where !survey.mailboxes.contains(where: { $0.record.name.description == name }) {
        let location = "\(account)/\(name)"
        guard !running[place].outcome.failures.contains(where: { $0.location == location }) else { continue }
        running[place].outcome.failures.append(.noSuchMailbox(name, account: account))
      }
      running[place].pending = turns.filter { id, _ in mailboxes.contains { $0.record.id == id } }
    }
    return takeCompleted()
  }

  /// A visit to a maildrop, which is all of its account, has ended well.
  func visited(_ outcome: SyncOutcome) -> [Completed] {
    for place in running.indices {
      running[place].isSurveyed = true
      running[place].outcome.mailboxes = outcome.mailboxes
      running[place].outcome.add(outcome)
    }
    return takeCompleted()
  }

  /// A mailbox's turn has ended.
  func ended(_ mailbox: Int64, turn: WorkQueue.Turn, _ result: Result<RoundResult, SyncFailure>) -> [Completed] {
    for place in running.indices {
      guard let awaited = running[place].pending[mailbox], turn >= awaited else { continue }
      running[place].pending[mailbox] = nil
      running[place].outcome.add(result)
    }
    return takeCompleted()
  }

  /// What the end of a pass has done besides its turns.
  func add(_ result: Result<RoundResult, SyncFailure>) {
    for place in running.indices { running[place].outcome.add(result) }
  }

  private func takeCompleted() -> [Completed] {
    let done = running.filter { $0.isSurveyed && $0.pending.isEmpty }
    running.removeAll { $0.isSurveyed && $0.pending.isEmpty }
    return done.map { tracker in
      var outcome = tracker.outcome
      outcome.octets = meter.current.octets - tracker.octetsBefore
      return Completed(outcome: outcome, isWhole: tracker.only.isEmpty, answer: tracker.answer)
    }
  }

  /// The work goes on with another queue: what was not done begins again.
  func restart() {
    waiting = running.filter { $0.answer != nil }.map { tracker(only: $0.only, answer: $0.answer) } + waiting
    running = []
  }

  /// There is no more work.
  func end(_ failure: SyncFailure) {
    ending = failure
    failAll(failure)
  }

  /// The work has ended before all was done.
  func failAll(_ failure: SyncFailure) {
    let ended = running + waiting
    running = []
    waiting = []
    for tracker in ended {
      var outcome = tracker.outcome
      outcome.octets = meter.current.octets - tracker.octetsBefore
      if !outcome.failures.contains(failure) { outcome.failures.append(failure) }
      tracker.answer?.resume(returning: outcome)
    }
  }
}
