/// What can be asked of an account's worker.
extension AccountService {
  /// A sync that begins now, of the whole account or of the mailboxes named; returns when it is done.
  package func sync(only mailboxes: Set<String>, dryRun: Bool) async -> SyncOutcome {
    if dryRun {
      return await aside {
        await AccountWorker(self.settings, resources: self.resources).sync(only: mailboxes, dryRun: true)
      }
    }
    guard !isPaused else {
      var outcome = SyncOutcome(account: settings.name)
      outcome.failures = [pausedFailure]
      return outcome
    }
    let signal = signal
    var outcome = await requests.ask(only: mailboxes) { signal.wake(.survey) }
    var forOthers = 0
    for _ in 0..<Self.passes {
      if outcome.forOthers > forOthers {
        forOthers = outcome.forOthers
      } else if let pause = try? await open?.account.timeToSettle() {
        try? await Task.sleep(for: pause)
      } else {
        break
      }
      guard !Task.isCancelled else { break }
      outcome.add(await requests.ask(only: mailboxes) { signal.wake(.survey) })
    }
    return outcome
  }

  /// A folder in which somebody goes on deleting is left to the next sync.
  private static let passes = 5

  /// Compares server, folder and state; the account is not synced meanwhile.
  package func verify(
    full: Bool, repair: Bool
  ) async -> (reports: [VerificationReport], failures: [SyncFailure]) {
    await aside {
      let worker = AccountWorker(self.settings, resources: self.resources, report: self.report)
      return await worker.verify(full: full, repair: repair)
    }
  }

  /// A person's word about holds, all or those named; what it means is done in the survey that begins behind it.
  package func decide(_ decision: HoldDecision, on numbers: Set<Int64>?) async -> DecidedHolds {
    let result = await aside {
      await AccountWorker(self.settings, resources: self.resources).decide(decision, on: numbers)
    }
    if result.failures.isEmpty { board.update { $0.holds = result.remaining } }
    return result
  }

  /// Brings messages back from quarantine; the survey behind it sends them.
  package func restore(_ entries: [String]) async -> (restored: [RestoredMessage], failures: [SyncFailure]) {
    await aside {
      await AccountWorker(self.settings, resources: self.resources, report: self.report).restore(entries)
    }
  }

  var pausedFailure: SyncFailure {
    SyncFailure(
      scope: .account, retry: .never, location: settings.name, what: "the account is paused",
      remedy: "run `mailmirror resume \(settings.name)`")
  }
}
