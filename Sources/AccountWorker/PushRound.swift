import IMAPProtocol
import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// Sends what people and their programs did in one folder to its mailbox: folder to server, after a round from server
/// to folder has brought the last synced state up to what the server has. One mailbox of the account at a time, so that
/// two do not claim the same file; flags alone claim none.
struct PushRound: Sendable {
  struct Result: Sendable {
    var flagsStored = 0
    var uploaded = 0
    var moved = 0
    var deleted = 0
    /// Acts that were not done after all, or of which a broken connection hid the result: another look at the account
    /// does again what is left of them.
    var undone = 0
    /// Something is left to a turn that may take its time.
    var isLeft = false
    var notices: [SyncFailure] = []

    /// The server has something now that the next round from there confirms.
    var hasWritten: Bool { flagsStored + uploaded + moved + deleted > 0 }

    mutating func add(_ other: Result) {
      flagsStored += other.flagsStored
      uploaded += other.uploaded
      moved += other.moved
      deleted += other.deleted
      undone += other.undone
      isLeft = isLeft || other.isLeft
      notices += other.notices
    }
  }

  let account: OpenAccount
  let connection: IMAPConnection
  let mailbox: MirroredMailbox
  /// It is to be over soon: what takes long is left.
  var isBrief = false

  private var state: AccountState { account.state }
  private var id: Int64 { mailbox.record.id }
  /// More than this to be uploaded takes long on a slow line.
  private static let briefOctets: Int64 = 1 << 20

  func run() async throws -> Result {
    guard try await state.needsPush(id), try await mayPush() else { return Result() }
    if isBrief {
      guard await account.pushGate.tryToEnter() else { return Result(isLeft: true) }
    } else {
      await account.pushGate.enter()
    }
    do {
      let result = try await push()
      await account.pushGate.leave()
      return result
    } catch {
      await account.pushGate.leave()
      throw error
    }
  }

  /// Sends changed flags alone, before any round from the server. A flag that was changed here is changed there whatever
  /// else has happened to the message, so that nothing need be known but that the UIDs still name the same messages; the
  /// round that follows brings what another client did.
  func sendFlagsAhead() async throws -> Result {
    guard mailbox.record.checkpoint != nil, !account.pointsElsewhere, try await mayPush() else { return Result() }
    let touched = try await state.pending(.flags, in: id)
    guard !touched.isEmpty else { return Result() }
    guard let selection = try await selectForWriting() else { return Result() }
    let target = PushTarget(account: account, connection: connection, mailbox: mailbox, selection: selection)
    // The round finds it, too, and holds the mailbox.
    guard try await PushProbe(target: target).mismatch(touched) == nil else { return Result() }
    return try await PushFlags(target: target).run()
  }

  private func mayPush() async throws -> Bool {
    guard account.settings.policy.direction == .twoWay, try await state.isTwoWay() == true else { return false }
    return try await !state.holds().contains { $0.mailbox == id && RoundNeed.viewHolds.contains($0.kind) }
  }

  private func push() async throws -> Result {
    guard let selection = try await selectForWriting() else { return Result() }
    let target = PushTarget(account: account, connection: connection, mailbox: mailbox, selection: selection)
    try await BaseNameTwins(account: account, mailbox: mailbox).rename()
    let changes = try await LocalChangeReader(account: account, mailbox: id).read()
    var result = Result()
    let underway = Set(try await state.intents().filter(\.mayBeDone).compactMap(\.source))
    let replaced = try await state.pending(.content, in: id).filter { !underway.contains($0.id) }
    let touched =
      changes.deletions + changes.rests + changes.moves.map(\.message) + replaced
      + (try await state.pending(.flags, in: id))
    if let reason = try await PushProbe(target: target).mismatch(touched) {
      result.notices.append(try await target.hold([], kind: "uids", reason: reason))
      return result
    }
    try await PushMoves(target: target).rename(changes.renames)
    result.add(try await PushFlags(target: target).run())
    result.add(try await PushDeletions(target: target).run(changes))
    result.add(try await PushMoves(target: target).run(changes.moves))
    guard try await !state.hasUnresolvedDeliveries() else {
      account.logger.notice(
        "\(mailbox.location): new files wait until what an earlier run left is resolved", metadata: account.metadata())
      return result
    }
    let octets = (changes.uploads.map(\.stamp.size) + replaced.map { $0.stamp?.size ?? 0 }).reduce(0, +)
    if isBrief, octets > Self.briefOctets {
      result.isLeft = true
      return result
    }
    let copies = try await PushCopies(target: target).run(changes.copies)
    result.add(copies.result)
    result.add(try await PushUploads(target: target).run(changes.uploads + copies.rest, replaced: replaced))
    return result
  }

  /// Nil where nothing can be sent now: the mailbox is read-only, or another one under the same name.
  private func selectForWriting() async throws -> Selection? {
    let selection = try await connection.select(mailbox.record.name, readOnly: false, resync: nil) { _ in }
    guard let record = try await state.mailbox(id), selection.uidValidity == record.uidValidity else { return nil }
    if selection.isReadOnly != record.isReadOnly { try await state.setReadOnly(selection.isReadOnly, of: id) }
    if selection.isReadOnly {
      account.logger.info("\(mailbox.location): it may only be read; local changes wait", metadata: account.metadata())
      return nil
    }
    return selection
  }
}

/// A mailbox that is selected for writing.
struct PushTarget: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection
  let mailbox: MirroredMailbox
  let selection: Selection

  var state: AccountState { account.state }
  var id: Int64 { mailbox.record.id }

  /// Selects it again after another mailbox was selected.
  func selectAgain() async throws {
    let now = try await connection.select(mailbox.record.name, readOnly: false, resync: nil) { _ in }
    guard now.uidValidity == selection.uidValidity else { throw changedUnderway }
  }

  /// Another mailbox has taken its name in the middle of our work.
  var changedUnderway: SyncFailure {
    SyncFailure(
      scope: .mailbox, retry: .later, location: mailbox.location,
      what: "the mailbox was made anew on the server while it was written to",
      remedy: "it is looked at again at the next sync")
  }

  /// Something that the server did not do, for the person; it is tried again.
  func refusal(_ what: String, _ text: ResponseText) throws -> SyncFailure {
    // It wants to be left alone for a while, by the whole account.
    if text.isThrottling { throw ConnectionError.refused(command: what, text) }
    return refusedFailure(what, text)
  }

  private func refusedFailure(_ what: String, _ text: ResponseText) -> SyncFailure {
    SyncFailure(
      scope: .mailbox, retry: .later, location: mailbox.location, what: "the server did not \(what): \(text.text)",
      remedy: "nothing is lost; it is tried again at the next sync")
  }

  /// Keeps changes for the person's word.
  func hold(
    _ messages: [Int64], files: [LocalFile] = [], kind: String, reason: String
  ) async throws -> SyncFailure {
    try await state.hold(messages, files: files, in: id, kind: kind, reason: reason, now: account.now())
    return .held(mailbox.location, reason)
  }

  /// What the guard says of so many more changes of a kind.
  func verdict(_ kind: GuardedKind, _ count: Int) async throws -> (verdict: RemovalVerdict, folderSize: Int) {
    let recent = try await state.recent(kind, of: id, now: account.now())
    let size = try await state.messageCount(of: id).remote
    let verdict = SyncPlanner.guardChange(
      GuardedChange(kind), count: count,
      window: RemovalWindow(
        folder: recent.folder, account: recent.account, folderSizeAtStart: recent.sizeAtStart ?? size),
      limits: account.settings.policy.hold, isTrashOrJunk: mailbox.isTrashOrJunk)
    return (verdict, size)
  }
}
