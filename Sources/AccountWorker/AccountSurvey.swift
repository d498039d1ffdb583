import IMAPProtocol
import LinuxFiles
import Logging
import MailConnections
import MailModel
import Maildir
import SyncPlanner
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
    /// What would be done to folders and mailboxes as a whole, where this is a dry run.
    var folderPlans: [FolderPlan] = []
    /// When it began; nanoseconds since 1970.
    var began: Int64 = 0
    /// Every mailbox in which messages may have appeared gets its round.
    var isWhole = true

    /// The mailboxes in which something may be done.
    var sound: [LinkedMailbox] { mailboxes.filter { !stopped.contains($0.record.id) } }
  }

  let account: OpenAccount
  /// Mailboxes that recovery could not resolve.
  let blocked: [Int64: SyncFailure]
  let isDryRun: Bool
  /// The names to look at; empty for all.
  var only: Set<String> = []
  /// Where rounds are under way meanwhile: their folders are left to another turn.
  var queue: WorkQueue?
  /// A mailbox that always gets its round: the status of the selected mailbox says nothing.
  var selected: MailboxName?

  private var settings: AccountSettings { account.settings }

  func run(_ connection: IMAPConnection) async throws -> Result {
    try await inOwnTask { try await look(connection) }
  }

  private func look(_ connection: IMAPConnection) async throws -> Result {
    let began = account.clock.now().total
    account.facts.setWantsLook(false)
    account.facts.noteMove(connection.capabilities.hasMove)
    var listing = try await list(connection)
    var result = Result(began: began)
    let folders = FolderSurvey(account: account, connection: connection, queue: queue)
    // Where the account may be another's now, what its folders and mailboxes lack says nothing.
    let isSame = !account.pointsElsewhere
    if !isDryRun, only.isEmpty, isSame {
      let found = try await folders.run(listing)
      result.failures += found.notices
      if found.hasChangedServer { listing = try await list(connection) }
      try await ServerRenames(account: account, connection: connection, queue: queue).run(listing)
    }
    var absent: Set<Int64> = []
    if isDryRun, only.isEmpty, isSame {
      let preview = try await FolderPreview(survey: folders).run(listing)
      (result.folderPlans, absent) = (preview.plans, preview.absent)
      result.failures += preview.notices
    }
    let linking = try await MailboxLinking(
      account: account, isDryRun: isDryRun, prefix: ServerNames(listing, facts: connection.facts).prefix
    ).run(listing)
    result.failures += linking.notices
    result.folderPlans += linking.plans
    let named = linking.linked.filter { item in
      // A mailbox whose folder was removed here stands still until a person has decided.
      item.record.removal != .held && !absent.contains(item.record.id)
        && (only.isEmpty || only.contains(item.record.name.description))
    }
    for item in named {
      if let failure = blocked[item.record.id] { await note(failure, of: item.record, &result) }
    }
    result.mailboxes = named.filter { blocked[$0.record.id] == nil }
    let looked = try await scanAll(listed: linking.linked, but: absent, &result)
    await noteRoles(listing.map(\.entry), linking.linked)
    if isSame, account.facts.trash != nil || settings.policy.deleteOnServer != .trash {
      try await account.state.dropHolds(of: .trash)
    }
    for name in only where !linking.linked.contains(where: { $0.record.name.description == name }) {
      result.failures.append(.noSuchMailbox(name, account: settings.name))
    }
    account.facts.noteMirrored(Set(result.sound.map(\.record.id)))
    if !isDryRun { try await lookForDepartures(connection, &result) }
    try await compare(connection.capabilities, looked, &result)
    if !isDryRun {
      if only.isEmpty, isSame {
        let gone = try await MailboxDepartures(survey: folders).run(at: began - 1)
        result.failures += gone.notices
      }
      let asked = Set(result.mailboxes.map(\.record.id))
      // One that waits for the person's word keeps nothing else waiting.
      result.isWhole = linking.linked.allSatisfy {
        asked.contains($0.record.id) || !$0.hasNews || $0.record.removal == .held
      }
    }
    if !isDryRun, only.isEmpty, !result.failures.contains(where: { $0.scope == .mailbox }) {
      // Every folder was looked at: what a power cut may have taken is known now.
      try await account.state.clearSuspicion()
    }
    return result
  }

  /// The statuses of one listing are of different moments: that of a mailbox may have been read before another client
  /// moved a message from there, and that of the message's new mailbox after it. So the others are asked again where
  /// there is news; and where messages have left, so that what is found from then on is all that there was to be found.
  private func lookForDepartures(_ connection: IMAPConnection, _ result: inout Result) async throws {
    // Where each status is a command of its own, a round looks for the source of what it finds (`MoveSourceLook`).
    if connection.capabilities.hasListStatus, result.sound.contains(where: \.hasKnownNews),
      !result.sound.contains(where: \.hasLost)
    {
      // Of the selected mailbox a status may tell what the server last said of it, and NOOP has it say the rest.
      if selected != nil { try await connection.noop() }
      try await listAgain(connection, &result)
    }
    let look = DepartureLook(account: account, connection: connection, queue: queue, selected: selected)
    if try await look.run(result.sound) > 0 { try await listAgain(connection, &result) }
  }

  private func listAgain(_ connection: IMAPConnection, _ result: inout Result) async throws {
    result.began = account.clock.now().total
    let statuses = Dictionary(
      try await list(connection).map { ($0.entry.name, $0.status) }, uniquingKeysWith: { first, _ in first })
    for place in result.mailboxes.indices {
      if let status = statuses[result.mailboxes[place].record.name] { result.mailboxes[place].listed.status = status }
    }
  }

  private func list(_ connection: IMAPConnection) async throws -> [ListedMailbox] {
    let selection = settings.selection
    return try await connection.listMailboxes { entry in
      entry.isSelectable
        && selection.selects(entry.name, entry.delimiter.map { Character(UnicodeScalar($0)) })
    }
  }

  /// What a look at a folder came to.
  private struct Looked {
    var refetched = 0
    var isBusy = false
    var isStopped = false
  }

  /// Looks at the folders of all mailboxes that were ever mirrored: a file that is missing in one may be in another.
  private func scanAll(
    listed: [LinkedMailbox], but absent: Set<Int64>, _ result: inout Result
  ) async throws -> [Int64: Looked] {
    let began = account.clock.now().total
    var isComplete = true
    var looked: [Int64: Looked] = [:]
    var folders: Set<Int64> = []
    let uses = Dictionary(
      listed.map { ($0.record.id, $0.listed.entry.specialUse) }, uniquingKeysWith: { first, _ in first })
    let asked = Set(result.mailboxes.map(\.record.id))
    let isAwaited = try await account.isLookDue(at: began)
    for record in try await account.state.mailboxes() where record.removal != .held && !absent.contains(record.id) {
      folders.insert(record.id)
      guard blocked[record.id] == nil else {
        isComplete = false
        continue
      }
      if let queue, await !queue.reserve(record.id) {
        looked[record.id] = Looked(isBusy: true)
        isComplete = false
        guard isAwaited, try await !lookInPassing(at: record) else { continue }
        account.folderNews.note(.everything, of: record.id)
        continue
      }
      do {
        let mailbox = try await account.mirrored(record, specialUse: uses[record.id] ?? nil)
        // Before it is read: what is done in it from now on is told.
        try await account.follow(mailbox)
        let scan = try await LocalScan(account: account, mailbox: mailbox, isForced: false, isDryRun: isDryRun).run()
        if !isDryRun { try await removeLeftovers(mailbox.folder) }
        looked[record.id] = Looked(refetched: scan.refetched)
        await queue?.release(record.id)
      } catch {
        await queue?.release(record.id)
        let failure = SyncFailure(error, account: settings.name, location: "\(settings.name)/\(record.name)")
        guard failure.scope != .account else { throw error }
        // A folder of a mailbox that is mirrored no more may be gone.
        guard uses.keys.contains(record.id) else {
          folders.remove(record.id)
          continue
        }
        isComplete = false
        looked[record.id] = Looked(isStopped: true)
        guard asked.contains(record.id) else { continue }
        result.stopped.insert(record.id)
        await note(failure, of: record, &result)
      }
    }
    account.folderWatch?.retain(Set(looked.keys))
    if isComplete { try await adoptDirection() }
    // In a dry run nothing waits to be settled.
    let (since, now) = isDryRun ? (Int64.max, Int64.max) : (began, account.clock.now().total)
    account.facts.noteSurvey(of: folders, began: since, now: now, isAwaited: isAwaited)
    return looked
  }

  /// Whether nothing can be in the folder that is missing elsewhere.
  private func lookInPassing(at record: MailboxRecord) async throws -> Bool {
    do {
      return try await PassingLook(account: account, mailbox: try await account.mirrored(record)).findsNothing()
    } catch {
      // Its turn meets it again, and says so.
      guard SyncFailure(error, account: settings.name, location: "").scope != .account else { throw error }
      return false
    }
  }

  /// What was changed here while nothing was sent is not sent without the person's word.
  private func adoptDirection() async throws {
    let isTwoWay = settings.policy.direction == .twoWay
    let before = try await account.state.isTwoWay()
    guard before != isTwoWay else { return }
    if isTwoWay, before == false {
      let count = try await account.state.holdAllPending(
        reason: "changed here while direction was \"pull\"", now: account.now())
      if count > 0 {
        account.logger.notice(
          "\(settings.name): \(count) local changes were made under direction = \"pull\"; they wait for your word",
          metadata: account.metadata())
      }
    }
    try await account.state.setDirection(isTwoWay: isTwoWay)
  }

  private func noteRoles(_ listing: [ListEntry], _ linked: [LinkedMailbox]) async {
    account.facts.noteTrash(TrashMailbox.find(in: listing)?.name)
    guard !isDryRun else { return }
    for item in linked where item.record.specialUse != item.listed.entry.specialUse?.rawValue {
      try? await account.state.setSpecialUse(item.listed.entry.specialUse?.rawValue, of: item.record.id)
    }
  }

  /// Finds the mailboxes whose status differs from their checkpoint, or whose folder has what the server lacks.
  private func compare(
    _ capabilities: CapabilitySet, _ looked: [Int64: Looked], _ result: inout Result
  ) async throws {
    var unchanged: [Int64] = []
    let holds = try await account.state.holds()
    for item in result.mailboxes where !result.stopped.contains(item.record.id) {
      let location = "\(settings.name)/\(item.record.name)"
      let found = looked[item.record.id] ?? Looked()
      let work = RoundWork(
        record: item.record, specialUse: item.listed.entry.specialUse, location: location,
        forgetsCheckpoint: found.refetched > 0)
      if found.isBusy {
        result.work.append(work)
        continue
      }
      let needsRound = try await RoundNeed(
        state: account.state, pointsElsewhere: account.pointsElsewhere, record: item.record,
        status: item.listed.status, capabilities: capabilities,
        isHeld: holds.contains { $0.mailbox == item.record.id && RoundNeed.viewHolds.contains($0.kind) },
        sendsChanges: settings.policy.direction == .twoWay
      ).answer()
      if needsRound || work.forgetsCheckpoint || item.record.name == selected {
        result.work.append(work)
      } else {
        unchanged.append(item.record.id)
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

extension AccountSurvey.Result {
  /// Whether anything has changed on the server, besides in one mailbox whose status says nothing.
  func foundNews(_ selected: Int64?) -> Bool {
    mailboxes.contains { $0.record.id != selected && $0.hasNews }
  }
}
