import IMAPProtocol
import MailConnections
import MailModel
import SyncState

/// The mailboxes of an account as the last survey found them, and what of the server's news about them is news to us.
/// Used by one watch.
final class WatchedMailboxes {
  private let session: AccountSession
  private let queue: WorkQueue
  private var work: [Int64: RoundWork] = [:]
  private var ids: [MailboxName: Int64] = [:]
  /// A server whose numbers never come to what its rounds find is not believed twice.
  private var acted: [Int64: MailboxStatus] = [:]
  /// How often in a row what was told of a mailbox came to nothing.
  private var fruitless: [Int64: Int] = [:]
  /// Names that were told of and are not known; a survey has looked for them.
  private var strange: Set<MailboxName> = []

  init(_ session: AccountSession, _ queue: WorkQueue) {
    self.session = session
    self.queue = queue
  }

  func surveyed(_ survey: AccountSurvey.Result) {
    work = [:]
    ids = [:]
    acted = [:]
    fruitless = [:]
    let resets = Set(survey.work.filter(\.forgetsCheckpoint).map(\.record.id))
    for item in survey.mailboxes {
      let id = item.record.id
      ids[item.record.name] = id
      guard !survey.stopped.contains(id) else { continue }
      work[id] = work(for: item)
      work[id]?.forgetsCheckpoint = resets.contains(id)
    }
    strange = strange.filter { ids[$0] == nil }
  }

  func work(for item: LinkedMailbox) -> RoundWork {
    RoundWork(
      record: item.record, specialUse: item.listed.entry.specialUse,
      location: "\(session.account.settings.name)/\(item.record.name)", forgetsCheckpoint: false)
  }

  var names: some Collection<MailboxName> { ids.keys }

  /// A mailbox in which something may be done now.
  subscript(id: Int64) -> RoundWork? { work[id] }

  /// Marks those that the server's news make dirty.
  func readStatuses(_ notices: ServerNotices) async throws {
    for (name, status) in notices.takeStatuses() {
      guard let id = ids[name] else {
        // Made or renamed under that name, which a LIST should have told but, from Dovecot 2.3, does not.
        if notices.mirrors(name), strange.insert(name).inserted { notices.wantSurvey() }
        continue
      }
      notices.postpone(status, of: id, named: name)
      if await queue.isUnderWay(id) { continue }
      notices.forget(id)
      try await mark(id, status)
    }
  }

  /// Whether the server has told anything that is to be acted upon.
  func hasNews(_ notices: ServerNotices) async throws -> Bool {
    try await readStatuses(notices)
    return notices.hasRest || !session.dirty.isEmpty
  }

  /// Looks at a mailbox that was selected until now: what came when its selection ended may have been told to nobody.
  func left(_ mailbox: PushedMailbox, _ connection: IMAPConnection) async throws {
    let status: MailboxStatus
    do {
      status = try await connection.status(mailbox.work.record.name)
    } catch let error as ConnectionError {
      guard connection.isOpen else { throw error }
      // It is gone: the next survey finds out.
      return session.signal.wake(.survey)
    }
    guard connection.capabilities.hasCondStore else { return }
    try await mark(mailbox.id, status)
  }

  /// A turn for what was told has ended. A server that tells of what is not there is heard again after the next survey.
  func visited(_ mailbox: PushedMailbox) {
    fruitless[mailbox.id] = mailbox.fruitless == 0 ? nil : fruitless[mailbox.id, default: 0] + 1
  }

  private func mark(_ id: Int64, _ status: MailboxStatus) async throws {
    guard acted[id] != status, fruitless[id, default: 0] < 5, let record = try await session.account.state.mailbox(id),
      status.isNews(to: record)
    else { return }
    acted[id] = status
    session.dirty.mark(id, status.tellsOfLosses(since: record) ? [.server, .losses] : .server)
  }
}
