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
    package var budget: InFlightBudget
    package var clock: WallClock
    package var logger: Logger

    package init(
      group: any EventLoopGroup, pool: DiskPool, budget: InFlightBudget, clock: WallClock = .system, logger: Logger
    ) {
      self.group = group
      self.pool = pool
      self.budget = budget
      self.clock = clock
      self.logger = logger
    }
  }

  let settings: AccountSettings
  let resources: Resources
  private let meter: ProgressMeter

  package init(
    _ settings: AccountSettings, resources: Resources, observer: @escaping @Sendable (SyncProgress) -> Void = { _ in }
  ) {
    self.settings = settings
    self.resources = resources
    meter = ProgressMeter(account: settings.name, observer: observer)
  }

  /// One sync of the account, or of the mailboxes named. Never throws: what went wrong is in the outcome.
  package func sync(only mailboxes: Set<String> = [], dryRun: Bool = false) async -> SyncOutcome {
    var outcome = SyncOutcome(account: settings.name)
    do {
      let (account, lock) = try await AccountOpening(
        settings: settings, pool: resources.pool, clock: resources.clock, logger: resources.logger
      ).open(meter: meter)
      do {
        let blocked = dryRun ? [:] : try await Recovery(account: account).run()
        try await run(account, only: mailboxes, blocked: blocked, dryRun: dryRun, &outcome)
      } catch {
        outcome.failures.append(SyncFailure(error, account: settings.name, location: settings.name))
      }
      await finish(account, dryRun: dryRun, isWhole: mailboxes.isEmpty, &outcome)
      withExtendedLifetime(lock) {}
    } catch {
      outcome.failures.append(SyncFailure(error, account: settings.name, location: settings.name))
    }
    return outcome
  }

  private func run(
    _ account: OpenAccount, only: Set<String>, blocked: [Int64: SyncFailure], dryRun: Bool,
    _ outcome: inout SyncOutcome
  ) async throws {
    let connections = ConnectionSource(settings: settings, resources: resources)
    // Before the server is bothered: what is wrong with the password is the person's to mend.
    do { _ = try await settings.endpoint.credentials.get() } catch {
      throw ConnectionError.noPassword("\(error)")
    }
    let first = try await connections.open()
    let listing: [ListedMailbox]
    do {
      let selection = settings.selection
      listing = try await first.listMailboxes { entry in
        entry.isSelectable
          && selection.selects(entry.name, entry.delimiter.map { Character(UnicodeScalar($0)) })
      }
    } catch {
      first.close()
      throw error
    }
    let linking = try await MailboxLinking(account: account, isDryRun: dryRun).run(listing)
    outcome.failures += linking.notices
    let named = linking.linked.filter { only.isEmpty || only.contains($0.record.name.description) }
    for item in named {
      if let failure = blocked[item.record.id] {
        await note(failure, of: item.record, account, dryRun: dryRun, &outcome)
      }
    }
    let wanted = named.filter { blocked[$0.record.id] == nil }
    for name in only where !named.contains(where: { $0.record.name.description == name }) {
      outcome.failures.append(
        SyncFailure(
          scope: .mailbox, retry: .never, location: "\(settings.name)/\(name)", what: "there is no such mailbox",
          remedy: "see `mailmirror mailboxes \(settings.name)`"))
    }
    outcome.mailboxes = wanted.count
    let work = try await workList(account, wanted, capabilities: first.capabilities, dryRun: dryRun, &outcome)
    if !dryRun, only.isEmpty, !outcome.failures.contains(where: { $0.scope == .mailbox }) {
      // Every folder was looked at: what a power cut may have taken is known now.
      try await account.state.clearSuspicion()
    }
    meter.update {
      $0.mailboxesTotal = wanted.count
      $0.mailboxesDone = wanted.count - work.count
    }
    let runner = RoundRunner(account: account, connections: connections, isDryRun: dryRun)
    try await runner.run(work, first: first, &outcome)
  }

  /// Looks at the folders, and finds the mailboxes whose status differs from their checkpoint.
  private func workList(
    _ account: OpenAccount, _ linked: [LinkedMailbox], capabilities: CapabilitySet, dryRun: Bool,
    _ outcome: inout SyncOutcome
  ) async throws -> [RoundWork] {
    var work: [RoundWork] = []
    var unchanged: [Int64] = []
    let holds = try await account.state.holds()
    for item in linked {
      let location = "\(settings.name)/\(item.record.name)"
      do {
        let mailbox = try await account.mirrored(item.record, specialUse: item.listed.entry.specialUse)
        var refetched = 0
        if !dryRun {
          refetched = try await LocalScan(account: account, mailbox: mailbox, isForced: false).run().refetched
          try await removeLeftovers(account, mailbox.folder)
        }
        let needsRound = try await RoundNeed(
          state: account.state, pointsElsewhere: account.pointsElsewhere, record: item.record,
          status: item.listed.status, capabilities: capabilities,
          isHeld: holds.contains { $0.mailbox == item.record.id && $0.kind != "removals" }
        ).answer()
        if needsRound || refetched > 0 {
          work.append(
            RoundWork(
              record: item.record, specialUse: item.listed.entry.specialUse, location: location,
              forgetsCheckpoint: refetched > 0))
        } else {
          unchanged.append(item.record.id)
        }
      } catch {
        let failure = SyncFailure(error, account: settings.name, location: location)
        guard failure.scope != .account else { throw failure }
        await note(failure, of: item.record, account, dryRun: dryRun, &outcome)
      }
    }
    if !dryRun { try await account.state.confirmUnchanged(unchanged, now: account.now()) }
    return work
  }

  private func removeLeftovers(_ account: OpenAccount, _ folder: MaildirFolder) async throws {
    let clock = account.clock
    let removed = try await account.pool.run { try folder.removeLeftovers(clock: clock) }
    if !removed.isEmpty { account.logger.info("\(settings.name): removed \(removed.count) old files from tmp/") }
  }

  private func note(
    _ failure: SyncFailure, of record: MailboxRecord, _ account: OpenAccount, dryRun: Bool,
    _ outcome: inout SyncOutcome
  ) async {
    outcome.failures.append(failure)
    guard !dryRun else { return }
    try? await account.state.setProblem(
      of: record.id, what: failure.what, remedy: failure.remedy, now: account.now())
  }

  /// Writes down how the account stands and closes its state.
  private func finish(
    _ account: OpenAccount, dryRun: Bool, isWhole: Bool, _ outcome: inout SyncOutcome
  ) async {
    let progress = meter.current
    outcome.octets = progress.octets
    do {
      if !dryRun { try await purgeQuarantine(account) }
      outcome.holds = try await account.state.holds().count
      outcome.pendingLocal = try await account.state.pendingLocalCount()
      if !dryRun {
        if let failure = outcome.failures.first(where: { $0.scope == .account }) {
          try await account.state.setAccountProblem(what: failure.what, remedy: failure.remedy, now: account.now())
        } else {
          try await account.state.setAccountSuccess(now: account.now())
          if account.pointsElsewhere, outcome.failures.isEmpty, outcome.holds == 0, isWhole {
            try await account.state.setServer(settings.server)
          }
        }
      }
      // A state that failed in the middle is left as a crash would leave it: the next run looks at it again.
      if account.pipeline.failure == nil { try await account.state.close() }
    } catch {
      if !outcome.failures.contains(where: { $0.scope == .account }) {
        outcome.failures.append(SyncFailure(error, account: settings.name, location: settings.name))
      }
    }
  }

  private func purgeQuarantine(_ account: OpenAccount) async throws {
    let (quarantine, clock, keep) = (account.quarantine, account.clock, settings.keepDeleted)
    let old = try await account.state.quarantinedBefore(account.now() - keep)
    guard !old.isEmpty else { return }
    _ = try await account.pool.run { try quarantine.purge(olderThan: keep, clock: clock) }
    try await account.state.forgetQuarantined(old.map(\.id))
  }
}

/// Whether a mailbox's status differs from where its last round ended. Only with CONDSTORE does an equal status mean
/// that nothing changed: flags change without a new UIDNEXT or count.
struct RoundNeed: Sendable {
  let state: AccountState
  let pointsElsewhere: Bool
  let record: MailboxRecord
  let status: MailboxStatus?
  let capabilities: CapabilitySet
  let isHeld: Bool

  func answer() async throws -> Bool {
    guard let checkpoint = record.checkpoint, let status, capabilities.hasCondStore, !isHeld, !pointsElsewhere,
      record.uidValidity == status.uidValidity, let uidNext = status.uidNext, checkpoint.uidNext == uidNext,
      let messages = status.messages, checkpoint.messages == Int(messages),
      let modSequence = status.highestModSequence, checkpoint.highestModSequence == modSequence
    else { return true }
    if try await state.unfetched(in: record.id).contains(where: { $0.attempts < 5 }) { return true }
    return try await !state.unpaired(in: record.id).isEmpty
  }
}
