import IMAPProtocol
import LinuxFiles
import Logging
import MailConnections
import MailModel
import Maildir
import SyncState

/// Looks at an account as a whole: which mailboxes the server lists and how they stand, what the folders hold, and so
/// which mailboxes need a round.
struct AccountSurvey: Sendable {
  struct Result: Sendable {
    /// The mailboxes that are mirrored and were asked for.
    var mailboxes: [LinkedMailbox] = []
    var work: [RoundWork] = []
    /// Mailboxes in which nothing may be done before another survey has found them sound.
    var stopped: Set<Int64> = []
    var failures: [SyncFailure] = []
  }

  let account: OpenAccount
  /// Mailboxes that recovery could not resolve.
  let blocked: [Int64: SyncFailure]
  let isDryRun: Bool
  /// The names to look at; empty for all.
  var only: Set<String> = []
  /// Where rounds are under way meanwhile: their folders are left alone, and they get another turn.
  var queue: WorkQueue?
  /// A mailbox that always gets its round: the status of the selected mailbox says nothing.
  var selected: MailboxName?

  private var settings: AccountSettings { account.settings }

  func run(_ connection: IMAPConnection) async throws -> Result {
    let selection = settings.selection
    let listing = try await connection.listMailboxes { entry in
      entry.isSelectable
        && selection.selects(entry.name, entry.delimiter.map { Character(UnicodeScalar($0)) })
    }
    var result = Result()
    let linking = try await MailboxLinking(account: account, isDryRun: isDryRun).run(listing)
    result.failures += linking.notices
    let named = linking.linked.filter { only.isEmpty || only.contains($0.record.name.description) }
    for item in named {
      if let failure = blocked[item.record.id] { await note(failure, of: item.record, &result) }
    }
    result.mailboxes = named.filter { blocked[$0.record.id] == nil }
    for name in only where !named.contains(where: { $0.record.name.description == name }) {
      result.failures.append(.noSuchMailbox(name, account: settings.name))
    }
    try await compare(connection.capabilities, &result)
    if !isDryRun, only.isEmpty, !result.failures.contains(where: { $0.scope == .mailbox }) {
      // Every folder was looked at: what a power cut may have taken is known now.
      try await account.state.clearSuspicion()
    }
    return result
  }

  /// Looks at the folders, and finds the mailboxes whose status differs from their checkpoint.
  private func compare(_ capabilities: CapabilitySet, _ result: inout Result) async throws {
    var unchanged: [Int64] = []
    let holds = try await account.state.holds()
    for item in result.mailboxes {
      let location = "\(settings.name)/\(item.record.name)"
      var work = RoundWork(
        record: item.record, specialUse: item.listed.entry.specialUse, location: location, forgetsCheckpoint: false)
      if let queue, await !queue.reserve(item.record.id) {
        result.work.append(work)
        continue
      }
      do {
        let mailbox = try await account.mirrored(item.record, specialUse: item.listed.entry.specialUse)
        if !isDryRun {
          let refetched = try await LocalScan(account: account, mailbox: mailbox, isForced: false).run().refetched
          try await removeLeftovers(mailbox.folder)
          work.forgetsCheckpoint = refetched > 0
        }
        let needsRound = try await RoundNeed(
          state: account.state, pointsElsewhere: account.pointsElsewhere, record: item.record,
          status: item.listed.status, capabilities: capabilities,
          isHeld: holds.contains { $0.mailbox == item.record.id && $0.kind != "removals" }
        ).answer()
        if needsRound || work.forgetsCheckpoint || item.record.name == selected {
          result.work.append(work)
        } else {
          unchanged.append(item.record.id)
        }
        await queue?.release(item.record.id)
      } catch {
        await queue?.release(item.record.id)
        let failure = SyncFailure(error, account: settings.name, location: location)
        guard failure.scope != .account else { throw error }
        result.stopped.insert(item.record.id)
        await note(failure, of: item.record, &result)
      }
    }
    if !isDryRun { try await account.state.confirmUnchanged(unchanged, now: account.now()) }
  }

  private func removeLeftovers(_ folder: MaildirFolder) async throws {
    let clock = account.clock
    let removed = try await account.pool.run { try folder.removeLeftovers(clock: clock) }
    if !removed.isEmpty { account.logger.info("\(settings.name): removed \(removed.count) old files from tmp/") }
  }

  private func note(_ failure: SyncFailure, of record: MailboxRecord, _ result: inout Result) async {
    result.failures.append(failure)
    guard !isDryRun else { return }
    try? await account.state.setProblem(
      of: record.id, what: failure.what, remedy: failure.remedy, now: account.now())
  }
}

extension SyncFailure {
  static func noSuchMailbox(_ name: String, account: String) -> SyncFailure {
    SyncFailure(
      scope: .mailbox, retry: .never, location: "\(account)/\(name)", what: "there is no such mailbox",
      remedy: "see `mailmirror mailboxes \(account)`")
  }
}
