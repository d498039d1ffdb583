import IMAPProtocol
import LinuxFiles
import Logging
import MailConnections
import MailModel
import Maildir
import NIOCore
import SyncPlanner
import SyncState

/// Mirrors one account: opens it, resolves what an earlier run left, reads what the server lists, and runs rounds for
/// the mailboxes that changed, INBOX first, over as many connections as the account may use.
package actor AccountWorker {
  package struct Resources: Sendable {
    package var group: any EventLoopGroup
    package var pool: DiskPool
    /// What push claims, and the threads of the pool give way in.
    package let way: RightOfWay
    package let budget: InFlightBudget
    package var clock: WallClock
    package var logger: Logger
    /// Of directories, for whoever stays; nil where there are none, with the reason.
    package var watches: DirectoryWatches?
    package var watchTrouble: FolderWatchTrouble?

    package init(
      group: any EventLoopGroup, clock: WallClock = .system, logger: Logger
    ) {
      self.group = group
      way = RightOfWay()
      pool = DiskPool(givesWayIn: way)
      budget = InFlightBudget(givesWayIn: way)
      self.clock = clock
      self.logger = logger
    }
  }

  let settings: AccountSettings
  let resources: Resources
  private let meter: ProgressMeter
  let report: @Sendable ([MessageChange]) -> Void

  /// - Parameters:
  ///   - observer: told how far a sync is.
  ///   - report: told what changed in the folders.
  package init(
    _ settings: AccountSettings, resources: Resources, observer: @escaping @Sendable (SyncProgress) -> Void = { _ in },
    report: @escaping @Sendable ([MessageChange]) -> Void = { _ in }
  ) {
    self.report = report
    self.settings = settings
    self.resources = resources
    meter = ProgressMeter(account: settings.name, observer: observer)
  }

  /// One sync of the account, or of the mailboxes named. Never throws: what went wrong is in the outcome.
  package func sync(only mailboxes: Set<String> = [], dryRun: Bool = false) async -> SyncOutcome {
    var outcome = SyncOutcome(account: settings.name)
    do {
      let (account, lock) = try await AccountOpening(
        settings: settings, pool: resources.pool, clock: resources.clock, logger: resources.logger, report: report,
        isRehearsal: dryRun
      ).open(meter: meter)
      if let reason = account.rebuilt { outcome.notices.append(reason) }
      do {
        let blocked = dryRun ? [:] : try await Recovery(account: account).run()
        if let drain = settings.drain {
          try await visit(account, drain, only: mailboxes, blocked: blocked, dryRun: dryRun, &outcome)
        } else {
          try await run(account, only: mailboxes, blocked: blocked, dryRun: dryRun, &outcome)
        }
      } catch {
        outcome.failures.append(SyncFailure(error, account: settings.name, location: settings.name))
      }
      // Not under the task's cancellation, which would keep the state from being closed.
      let soFar = outcome
      outcome = await Task { await finish(account, dryRun: dryRun, isWhole: mailboxes.isEmpty, soFar) }.value
      lock.release()
    } catch {
      outcome.failures.append(SyncFailure(error, account: settings.name, location: settings.name))
    }
    return outcome
  }

  private func visit(
    _ account: OpenAccount, _ drain: DrainSettings, only: Set<String>, blocked: [Int64: SyncFailure], dryRun: Bool,
    _ outcome: inout SyncOutcome
  ) async throws {
    for name in only.sorted() where name != drain.deliverTo.description {
      outcome.failures.append(.noSuchMailbox(name, account: settings.name))
    }
    guard only.isEmpty || only.contains(drain.deliverTo.description) else { return }
    if let failure = blocked.values.first { throw failure }
    let visit = MaildropVisit(account: account, drain: drain, resources: resources, isDryRun: dryRun)
    for _ in 0..<Self.passes {
      try await visit.run(&outcome)
      guard !dryRun, let pause = try await account.timeToSettle() else { return }
      account.logger.info("\(settings.name): waiting \(pause) to see whether what is missing turns up")
      try await Task.sleep(for: pause)
    }
  }

  /// Passes over the account until nothing waits only for time or for a look at other mailboxes: a file that is missing
  /// is looked for once more before it counts as deleted, and so is a message that left its mailbox.
  private func run(
    _ account: OpenAccount, only: Set<String>, blocked: [Int64: SyncFailure], dryRun: Bool,
    _ outcome: inout SyncOutcome
  ) async throws {
    for _ in 0..<Self.passes {
      let before = outcome.forOthers
      let wantsAnotherLook = try await pass(account, only: only, blocked: blocked, dryRun: dryRun, &outcome)
      guard !dryRun else { return }
      // What went to another mailbox on the server is fetched from there; what was not done is done again.
      if wantsAnotherLook || outcome.forOthers > before { continue }
      guard let pause = try await account.timeToSettle() else { return }
      account.logger.info("\(settings.name): waiting \(pause) to see whether what is missing turns up")
      try await Task.sleep(for: pause)
    }
  }

  /// A folder in which somebody goes on deleting is left to the next sync.
  private static let passes = 6

  /// Returns whether another pass is needed to know where messages are.
  private func pass(
    _ account: OpenAccount, only: Set<String>, blocked: [Int64: SyncFailure], dryRun: Bool,
    _ outcome: inout SyncOutcome
  ) async throws -> Bool {
    let connections = ConnectionSource(settings: settings, resources: resources)
    let first = try await connections.openFirst()
    let survey: AccountSurvey.Result
    do {
      survey = try await AccountSurvey(account: account, blocked: blocked, isDryRun: dryRun, only: only).run(first)
    } catch {
      first.close()
      throw error
    }
    outcome.add(survey.failures)
    outcome.folderPlans += survey.folderPlans
    outcome.mailboxes = survey.mailboxes.count
    meter.update {
      $0.mailboxesTotal = survey.mailboxes.count
      $0.mailboxesDone = survey.mailboxes.count - survey.work.count
    }
    let queue = WorkQueue(lanes: settings.connections)
    for work in survey.work { await queue.add(work) }
    await queue.close()
    let ended = EndedTurns(outcome)
    let runner = RoundRunner(account: account, connections: connections, isDryRun: dryRun) { work, _, result in
      await ended.add(result, isDryRun: dryRun)
      if !dryRun { await account.note(result, of: work) }
    }
    do {
      try await runner.run(queue, .once(first: first, count: min(settings.connections, survey.work.count)))
    } catch {
      outcome = await ended.outcome
      throw error
    }
    outcome = await ended.outcome
    guard !dryRun, survey.isWhole else { return false }
    let departures = try await DepartureRound(account: account).run(before: survey.began)
    for end in departures.ends { outcome.add(end) }
    let wantsAnotherLook = await ended.wantsAnotherLook
    return departures.wantsAnotherLook || wantsAnotherLook
  }

  /// Writes down how the account stands and closes its state.
  private func finish(
    _ account: OpenAccount, dryRun: Bool, isWhole: Bool, _ outcome: SyncOutcome
  ) async -> SyncOutcome {
    var outcome = outcome
    outcome.octets = meter.current.octets
    defer { account.rehearsal?.discard() }
    do {
      try await account.conclude(&outcome, isDryRun: dryRun, isWhole: isWhole)
      // A state that failed in the middle is left as a crash would leave it: the next run looks at it again.
      if account.pipeline.isSound { try await account.state.close() }
    } catch {
      if !outcome.failures.contains(where: { $0.scope == .account }) {
        outcome.failures.append(SyncFailure(error, account: settings.name, location: settings.name))
      }
    }
    return outcome
  }
}

/// What the turns of one sync came to, together.
private actor EndedTurns {
  private(set) var outcome: SyncOutcome
  init(_ outcome: SyncOutcome) { self.outcome = outcome }
  /// Messages have left their mailboxes since the pass began, or it is not known what they are.
  private(set) var wantsAnotherLook = false

  func add(_ result: Result<RoundResult, SyncFailure>, isDryRun: Bool) {
    outcome.add(result, isDryRun: isDryRun)
    guard case .success(let round) = result else { return }
    if round.departed > 0 || round.hasUnknown { wantsAnotherLook = true }
  }
}
