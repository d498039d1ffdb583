import SyncPlanner
import SyncState

extension OpenAccount {
  /// How long until another look at the account can decide something that waits only for time: whether a missing file
  /// was deleted (`settle`), or whether a message was sent whose connection broke; or can end a mailbox that is empty
  /// now. Nil where nothing does.
  /// - Parameter isPatient: what the last survey could not look at is given time.
  func timeToSettle(isPatient: Bool = false) async throws -> Duration? {
    if let drain = settings.drain { return drain.deletesOnServer ? try await timeToDelete() : nil }
    let tried = facts.triedRemovals
    if facts.wantsLook { return .milliseconds(200) }
    if try await state.mailboxesToRemove().contains(where: { !tried.contains($0) }) { return .milliseconds(200) }
    let sendsChanges = settings.policy.direction == .twoWay
    let now = clock.now().total
    var next: Int64?
    let looks = facts.looks
    if let surveyed = looks.surveyed {
      next = try await state.nextSettled(
        settle: settings.settle.nanoseconds, after: surveyed, sendsChanges: sendsChanges)
    }
    if isPatient, let due = next, let last = looks.lastSurvey, due <= last {
      next = try await state.nextSettled(settle: settings.settle.nanoseconds, after: last, sendsChanges: sendsChanges)
      let another = last + 1_000_000_000 << Int64(min(looks.incomplete, 8))
      next = min(next ?? another, another)
    }
    for intent in try await state.intents() where intent.isUncertain && sendsChanges {
      let patience = IntentResolution.patience(for: intent.kind, hasMove: facts.hasMove)
      let due = (intent.since + patience + 1) * 1_000_000_000
      next = min(next ?? due, due)
    }
    return next.map { Self.pause(from: now, to: $0) }
  }

  /// Whether a file is missing for so long that a complete scan which begins now decides what that means.
  func isLookDue(at now: Int64) async throws -> Bool {
    let due = try await state.nextSettled(
      settle: settings.settle.nanoseconds, after: facts.looks.surveyed ?? 0,
      sendsChanges: settings.policy.direction == .twoWay)
    return due.map { $0 <= now } ?? false
  }

  /// Until a message that is kept on the server counts as deleted here.
  private func timeToDelete() async throws -> Duration? {
    let now = clock.now().total
    return try await state.nextMissing(settle: settings.settle.nanoseconds, after: now).map {
      Self.pause(from: now, to: $0)
    }
  }

  /// A moment more, so that the next scan begins after it.
  private static func pause(from now: Int64, to time: Int64) -> Duration {
    .nanoseconds(max(0, time - now) + 20_000_000)
  }

  /// Whether the row's file is missing for so long that it was deleted here, and not only moved or overlooked.
  func hasSettled(_ row: MessageRecord) -> Bool {
    guard let scanBegan = facts.lastCompleteScan else { return false }
    return SyncPlanner.isSettled(
      since: row.missingSince ?? 0, scanBegan: scanBegan, settle: settings.settle.nanoseconds)
  }
}
