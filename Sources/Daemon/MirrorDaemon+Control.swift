import AccountWorker
import Configuration
import ControlProtocol
import LinuxFiles

/// What can be asked of all accounts together.
extension MirrorDaemon: MirrorControl {
  package func status(of accounts: [String]?) throws(ControlError) -> [StatusReport.Account] {
    try configuration.select(accounts ?? []).compactMap { report(of: $0.account) }
  }

  func report(of account: AccountConfiguration) -> StatusReport.Account? {
    members[account.name].map { member in
      StatusReport.Account(
        member.service.status, configuration: account, staleSince: staleness.since(account.name))
    }
  }

  package nonisolated func statusChanges() -> AsyncStream<Void> { ticks.stream() }

  package func mailboxes(of account: String?) async throws(ControlError) -> [ListedMailbox] {
    var listed: [ListedMailbox] = []
    for selected in try configuration.select(account.map { [$0] } ?? []) {
      listed += try await AccountActions.mailboxes(of: selected.account, in: configuration)
    }
    return listed
  }

  package func sync(
    _ targets: [String]?, dryRun: Bool, progress: @escaping @Sendable (ProgressReport) -> Void
  ) async throws(ControlError) -> [SyncResult] {
    let selected = try configuration.select(targets ?? [])
    let work = selected.compactMap { item in members[item.account.name].map { (item, $0.service) } }
    let results = await withTaskGroup(of: SyncResult.self) { group in
      for (item, service) in work {
        group.addTask {
          let teller = Task { await Self.tell(progress, of: service) }
          let outcome = await service.sync(only: item.mailboxes, dryRun: dryRun)
          teller.cancel()
          return SyncResult(outcome, isDryRun: dryRun)
        }
      }
      return await group.reduce(into: [String: SyncResult]()) { $0[$1.account] = $1 }
    }
    return work.compactMap { results[$0.0.account.name] }
  }

  /// Tells how far an account has come since now, until the task is cancelled.
  private static func tell(_ progress: @Sendable (ProgressReport) -> Void, of service: AccountService) async {
    let before = service.status.progress
    var last: ProgressReport?
    while !Task.isCancelled {
      if let now = service.status.progress {
        var report = ProgressReport(now)
        if let before {
          report.messagesDone -= before.messagesDone
          report.messagesTotal -= before.messagesDone
          report.octets -= before.octets
          report.sent -= before.messagesSent
          report.toSend -= before.messagesSent
        }
        if report != last { progress(report) }
        last = report
      }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  package func verify(
    _ accounts: [String]?, full: Bool, repair: Bool
  ) async throws(ControlError) -> [VerifyResult] {
    var results: [VerifyResult] = []
    for selected in try configuration.select(accounts ?? []) {
      guard let member = members[selected.account.name] else { continue }
      let found = await member.service.verify(full: full, repair: repair)
      results.append(VerifyResult(account: selected.account.name, found.reports, found.failures))
    }
    return results
  }

  package func holds(of accounts: [String]?) async throws(ControlError) -> [HeldChanges] {
    let selected = try configuration.select(accounts ?? [])
    return try await HoldActions(configuration: configuration, pool: runtime.resources.pool).list(selected)
  }

  package func decide(_ decision: HoldDecision, on holds: [String]?) async throws(ControlError) -> DecisionResult {
    let services = members.mapValues(\.service)
    return try await HoldActions(configuration: configuration, pool: runtime.resources.pool).decide(
      decision, on: holds
    ) { account, numbers in
      await services[account.name]?.decide(decision, on: numbers) ?? DecidedHolds()
    }
  }

  package func history(of message: String?, limit: Int) async throws(ControlError) -> MessageHistory {
    try await HistoryActions(configuration: configuration, pool: runtime.resources.pool).history(
      of: message, limit: limit)
  }

  package func restorable(in account: String?) async throws(ControlError) -> [RestorableMessage] {
    let selected = try configuration.select(account.map { [$0] } ?? [])
    return try await RestoreActions(configuration: configuration, pool: runtime.resources.pool).list(selected)
  }

  package func restore(_ messages: [String]) async throws(ControlError) -> RestoreResult {
    let services = members.mapValues(\.service)
    return try await RestoreActions(configuration: configuration, pool: runtime.resources.pool).restore(messages) {
      account, entries in
      await services[account.name]?.restore(entries) ?? ([], [])
    }
  }

  package func pause(_ accounts: [String]?) async throws(ControlError) -> [String] {
    for selected in try configuration.select(accounts ?? []) { await members[selected.account.name]?.service.pause() }
    return paused
  }

  package func resume(_ accounts: [String]?) async throws(ControlError) -> [String] {
    for selected in try configuration.select(accounts ?? []) { await members[selected.account.name]?.service.resume() }
    return paused
  }

  private var paused: [String] {
    configuration.accounts.map(\.name).filter { members[$0]?.service.isPausedNow == true }
  }

  package nonisolated func changes(of accounts: [String]?) -> ChangeStream { feed.listen(to: accounts) }

  package func metrics() async -> String {
    OpenMetrics.text(
      configuration.accounts.compactMap { report(of: $0) }, version: version, process: .current(started: started))
  }
}
