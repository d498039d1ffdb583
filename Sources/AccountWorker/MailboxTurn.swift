import IMAPProtocol
import Logging
import MailConnections
import MailModel
import NIOCore
import SyncState

/// The turns of mailboxes that are watched, run on a watching connection as soon as there is news: what has just come
/// first, with nothing else before it, then a round.
struct MailboxTurn {
  let session: AccountSession
  let connection: IMAPConnection
  let queue: WorkQueue
  let report: RoundRunner.Report

  private var settings: AccountSettings { session.account.settings }
  private var state: AccountState { session.account.state }

  /// More than these new messages at once are a round's work, whose pipeline is made for many.
  static let fewMessages: UInt32 = 64
  /// With more than these the watching connection would be away for long: other connections have the time.
  private static let manyMessages = 512
  /// Some servers forget to tell: at least this often the mailbox is selected anew.
  private static let longestSelection = TimeAmount.minutes(9)

  // MARK: Rounds

  /// Rounds of a mailbox. It must not be under way; one that is gets another turn where it is.
  func run(_ current: inout PushedMailbox) async throws {
    let id = current.work.record.id
    current.isDirty = false
    current.next = nil
    guard await queue.reserve(id) else { return await leaveToOthers(&current) }
    try await rounds(&current)
  }

  /// Selects a mailbox that has become dirty, fetches what is new, and runs its rounds. False where that is left to
  /// the other connections, since it is under way there or too much; the connection has none selected then that can
  /// be relied on.
  func visit(_ current: inout PushedMailbox) async throws -> Bool {
    let id = current.work.record.id
    current.isDirty = false
    guard await queue.reserve(id) else {
      await leaveToOthers(&current)
      return false
    }
    do {
      let isRoundToFollow = current.hasFolderNews ? true : try await fetchNews(&current)
      guard isRoundToFollow else {
        await queue.release(id)
        await leaveToOthers(&current)
        return false
      }
    } catch {
      guard connection.isOpen, session.express.failure == nil, !Task.isCancelled else {
        await queue.release(id)
        if let failure = session.express.failure { throw failure }
        throw error
      }
      // The round meets it again, and says so.
    }
    try await rounds(&current)
    return true
  }

  /// Selects the mailbox again after another one was; it gets a round where anything is not as it was.
  ///
  /// A connection IDLEs on one and the same mailbox, to which it comes back: Dovecot 2.3 hears no more of INBOX by NOTIFY
  /// for up to 30 s after an IDLE in INBOX has ended, since both watch one file and the first to end takes the other's
  /// watch along.
  func resume(_ current: inout PushedMailbox) async throws {
    let wasCurrent = current.isCurrent && current.unsettled == 0 && !current.isDirty
    current.isDirty = true
    current.isCurrent = false
    guard wasCurrent, let checkpoint = current.work.record.checkpoint, checkpoint.highestModSequence != nil else {
      return
    }
    let selection: Selection
    do {
      selection = try await connection.select(current.work.record.name, readOnly: true, resync: nil) { _ in }
    } catch {
      // The round meets it again, and says so.
      guard connection.isOpen, !Task.isCancelled else { throw error }
      return
    }
    guard selection.uidValidity == current.work.record.uidValidity, selection.uidNext == checkpoint.uidNext,
      selection.highestModSequence == checkpoint.highestModSequence, Int(selection.exists) == checkpoint.messages
    else { return }
    (current.isDirty, current.isCurrent) = (false, true)
  }

  private func leaveToOthers(_ current: inout PushedMailbox) async {
    await queue.add(current.work)
    current.isCurrent = false
    current.nextRound = .now() + .seconds(1 << Int64(min(current.unsettled, 4)))
    current.unsettled += 1
  }

  /// Of a mailbox that is reserved; it is released here.
  private func rounds(_ current: inout PushedMailbox) async throws {
    let id = current.work.record.id
    session.board.update { $0.activity = .syncing }
    let result: Result<RoundResult, SyncFailure>
    do {
      let rounds = RoundRunner(
        account: session.express, connections: session.connections, isDryRun: false,
        isBrief: await queue.hasFreeLane, isListening: true, report: report)
      let round = try await rounds.rounds(current.work, connection, queue, hasFolderNews: current.hasFolderNews)
      current.hasFolderNews = false
      try await learn(round, &current)
      if round.sent.isLeft { await queue.add(current.work) }
      result = .success(round)
    } catch {
      await queue.release(id)
      if let failure = session.express.failure { throw failure }
      let failure = SyncFailure(error, account: settings.name, location: current.work.location)
      guard connection.isOpen, failure.scope != .account, !Task.isCancelled else {
        if !connection.isOpen, failure.scope != .account, !Task.isCancelled { session.broken.note(id) }
        throw error
      }
      // The mailbox's own trouble: it is looked at again with the next survey.
      current.isCurrent = false
      current.isStopped = true
      await session.ended(current.work, current.turn, .failure(failure), queue, isReserved: false)
      return
    }
    await queue.release(id)
    await session.ended(current.work, current.turn, result, queue, isReserved: false)
  }

  /// What the round says of where the mailbox stands.
  private func learn(_ round: RoundResult, _ current: inout PushedMailbox) async throws {
    let standing = try await state.standing(of: current.work.record.id)
    let checkpoint = standing?.record.checkpoint
    current.next = round.notices.isEmpty ? standing?.next : nil
    current.work.record = standing?.record ?? current.work.record
    current.work.forgetsCheckpoint = false
    current.isCurrent = round.notices.allSatisfy { $0.scope == .message }
    current.exists = UInt32(clamping: checkpoint?.messages ?? 0)
    current.unsettled = round.isStale || round.isWaiting || !current.isCurrent ? current.unsettled + 1 : 0
    current.nextRound =
      .now()
      + (current.unsettled > 0 ? .seconds(Int64(min(5 << min(current.unsettled, 6), 300))) : Self.longestSelection)
    let hasBroughtSomething = round.delivered + round.flagsChanged + round.moved + round.departed > 0
    if hasBroughtSomething { current.fruitless = 0 } else if current.isForNews { current.fruitless += 1 }
    current.isForNews = false
  }

  // MARK: What has just come

  /// What came while the server said so, without a new selection; true where there was any.
  func download(_ current: PushedMailbox) async throws -> Bool {
    let now = connection.mailboxState
    let id = current.work.record.id
    guard let next = current.next, now.holdsOnlyNews, current.keepsValidity(now), now.exists > current.exists,
      now.exists - current.exists <= Self.fewMessages, await queue.reserve(id)
    else { return false }
    let count: Int
    do {
      count = try await fetch(current, from: next, try await state.arrivals(in: id))
    } catch {
      await queue.release(id)
      if let failure = session.express.failure { throw failure }
      // The round that follows meets it again, and says so.
      guard connection.isOpen, !Task.isCancelled else { throw error }
      return false
    }
    await queue.release(id)
    return count > 0
  }

  private func fetch(
    _ current: PushedMailbox, from next: UID, _ arrivals: AccountState.Arrivals
  ) async throws -> Int {
    let mailbox = try await session.express.mirrored(current.work.record, specialUse: current.work.specialUse)
    return try await PushDownload(
      account: session.express, connection: connection, mailbox: mailbox, from: next, arrivals: arrivals
    ).run()
  }

  /// Selects the mailbox and fetches what is new where that is all; false where it is too much.
  private func fetchNews(_ current: inout PushedMailbox) async throws -> Bool {
    let name = current.work.record.name
    let selection = try await connection.select(name, readOnly: true, resync: nil) { _ in }
    guard let standing = try await state.standing(of: current.id), standing.record.name == name else { return true }
    current.work.record = standing.record
    guard let checkpoint = standing.record.checkpoint, let next = standing.next else { return false }
    // What its UIDs mean is proved by a round.
    guard session.sound.contains(current.id) else { return true }
    guard selection.uidValidity == standing.record.uidValidity else { return true }
    let known = checkpoint.messages
    if Int(selection.exists) - known > Self.manyMessages { return false }
    if Int(selection.exists) > known, selection.exists - UInt32(clamping: known) <= Self.fewMessages {
      if try await fetch(current, from: next, standing.arrivals) > 0 { current.isForNews = false }
    }
    return true
  }

  // MARK: The folder's side

  /// Looks at all folders in which something has changed; true where something of this one is to be sent.
  func scan(_ current: inout PushedMailbox) async throws -> Bool {
    let id = current.work.record.id
    let looks = try await FolderLooks(account: session.express).run(queue)
    try await session.markSettled()
    if looks.left.contains(id) {
      await leaveToOthers(&current)
      return false
    }
    if looks.failed.contains(id) {
      // A survey says what is wrong with the folder.
      session.signal.wake(.survey)
      return false
    }
    if looks.lost.contains(id) { current.work.forgetsCheckpoint = true }
    if settings.policy.direction == .twoWay { current.hasFolderNews = try await state.needsPush(id) }
    return current.hasFolderNews || current.work.forgetsCheckpoint
  }
}
