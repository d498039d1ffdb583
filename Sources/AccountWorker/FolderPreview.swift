import MailConnections
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// What a survey would do to folders and mailboxes as a whole, for a dry run: the same looks and the same decisions as
/// `FolderSurvey`, `ServerRenames` and `MailboxDepartures`, with a plan in the place of each act. Rows follow in the
/// scratch state, so that the rounds find each mailbox with its folder where it is now.
struct FolderPreview: Sendable {
  struct Result: Sendable {
    var plans: [FolderPlan] = []
    var notices: [SyncFailure] = []
    /// Mailboxes whose folder was removed here: nothing is done in them.
    var absent: Set<Int64> = []
  }

  let survey: FolderSurvey

  private var account: OpenAccount { survey.account }
  private var state: AccountState { survey.account.state }
  private var settings: AccountSettings { survey.account.settings }

  func run(_ listing: [ListedMailbox]) async throws -> Result {
    var result = Result()
    let names = ServerNames(listing, facts: survey.connection.facts)
    guard names.isComplete else { return result }
    if let folders = try await survey.localFolders() {
      try await followMissing(folders, names, &result)
      for folder in try await survey.newFolders(folders, names) {
        switch folder.decision {
        case .make:
          result.plans.append(
            .makeMailbox(folder.name, for: folder.path.stored, messages: try await count(folder.path)))
        case .ask: result.notices.append(survey.waiting(folder.path, folder.name))
        case .matched, .later: break
        }
      }
    }
    let renames = ServerRenames(account: account, connection: survey.connection)
    for (record, entry) in try await renames.matches(listing) {
      let place = renames.place(of: entry, from: record)
      result.plans.append(.renameFolder(old: record.name, new: entry.name, to: place?.stored))
      try await relink(record, name: entry.name, folder: record.folder)
    }
    try await departures(names, &result)
    return result
  }

  // MARK: Folders that are not where they were

  private func followMissing(_ folders: [FoundFolder], _ names: ServerNames, _ result: inout Result) async throws {
    let records = try await state.mailboxes()
    let there = try await survey.present(records)
    for record in records where !there.contains(record.id) && !record.name.isInbox {
      let taken = Set(try await state.mailboxes().map(\.folder))
      if let place = try await survey.renamed(record, among: folders.filter { !taken.contains($0.path.stored) }) {
        try await follow(record, to: place.path, names, &result)
      } else if survey.isTwoWay {
        try await ask(record, names, &result)
      }
    }
  }

  private func follow(
    _ record: MailboxRecord, to path: FolderPath, _ names: ServerNames, _ result: inout Result
  ) async throws {
    var found = FolderSurvey.Result()
    let target = try await FolderRenaming(survey: survey).target(record, path, names, &found)
    result.notices += found.notices
    try await relink(record, name: record.name, folder: path.stored)
    guard let target, target != record.name, names.has(record.name) else {
      return result.plans.append(.followFolder(record.name, to: path.stored))
    }
    // The server renames it along with the one that it lies below.
    let goesAlong = result.plans.contains { plan in
      guard case .renameMailbox(let old, let new) = plan, let delimiter = record.delimiter else { return false }
      return record.name.wire.starts(with: old.wire + [delimiter]) && record.name.moved(from: old, to: new) == target
    }
    if !goesAlong { result.plans.append(.renameMailbox(record.name, to: target)) }
  }

  private func ask(_ record: MailboxRecord, _ names: ServerNames, _ result: inout Result) async throws {
    guard names.isSelectable(record.name), names.mirrors(record.name, settings.selection) else { return }
    switch record.removal {
    case .approved: try await makeFolder(record)
    case .held:
      guard let hold = try await state.holds().first(where: { $0.mailbox == record.id && $0.kind == "folder" }) else {
        // The person has agreed.
        try await state.approveRemoval(of: record.id, now: account.now())
        return try await makeFolder(record)
      }
      result.notices.append(.held("\(settings.name)/\(record.name)", hold.reason))
      result.absent.insert(record.id)
    case .none:
      result.absent.insert(record.id)
      result.plans.append(
        .askRemoval(record.name, folder: record.folder, messages: try await state.settledCount(of: record.id)))
    }
  }

  private func relink(_ record: MailboxRecord, name: MailboxName, folder: String) async throws {
    try await state.relink(
      [.init(mailbox: record.id, name: name, folder: folder)], cause: .sync, detail: "", now: account.now())
  }

  private func makeFolder(_ record: MailboxRecord) async throws {
    guard let path = FolderPath(bytes: Array(record.folder.utf8)), let place = account.rehearsal?.folders else {
      return
    }
    let layout = settings.layout
    _ = try await account.pool.run { try MaildirFolder.create(in: place, at: path, layout: layout) }
  }

  private func count(_ path: FolderPath) async throws -> Int {
    let root = account.root
    return try await account.pool.run {
      var count = 0
      try MaildirFolder.open(in: root, at: path).scan(withStatus: false) { count += $0.count }
      return count
    }
  }

  // MARK: Mailboxes that go

  private func departures(_ names: ServerNames, _ result: inout Result) async throws {
    let look = MailboxDepartures(survey: survey)
    for record in try await state.mailboxes() where !names.isSelectable(record.name) {
      guard record.privateName == nil, !record.name.isInbox, !result.absent.contains(record.id) else { continue }
      let contents = try await state.contents(of: record.id)
      let leaving = contents.remote + (try await state.departedMessages(of: record.id).count)
      guard record.removal == .none, leaving > 0 || contents.isNothing, try await look.isGone(record) else { continue }
      var hold: String?
      if let mailbox = try? await account.mirrored(record) {
        let verdict = try await RemovalRound(account: account, mailbox: mailbox).verdict(
          leaving, folderSize: leaving)
        if case .held(let reason) = verdict { hold = reason }
      }
      result.plans.append(
        .removeFolder(record.name, messages: leaving, isConfirmed: record.unlisted > 0, hold: hold))
    }
    for record in try await state.mailboxes() where record.removal == .approved && names.isSelectable(record.name) {
      let contents = try await state.contents(of: record.id)
      if contents.present + contents.files + contents.unfetched == 0 {
        result.plans.append(.removeMailbox(record.name))
      }
    }
  }
}
