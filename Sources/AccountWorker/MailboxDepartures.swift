import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// Lets go of mailboxes that the server has no more: two whole listings in a row lacked them, and the server says the
/// same when it is asked for them by name. After the first of them messages may be found to have moved elsewhere. Their messages leave as any others do that are gone on the server, under the
/// same guard; an empty folder goes, and with it the row.
struct MailboxDepartures: Sendable {
  let survey: FolderSurvey

  private var account: OpenAccount { survey.account }
  private var state: AccountState { survey.account.state }
  private var settings: AccountSettings { survey.account.settings }

  /// So many at once, and most of all, is a view that has shrunk rather than somebody's wish.
  private static let many = 5

  /// - Parameter time: when the messages count as departed; nanoseconds since 1970.
  func run(at time: Int64) async throws -> FolderSurvey.Result {
    var result = FolderSurvey.Result()
    let records = try await state.mailboxes()
    let unlisted = records.filter {
      $0.unlisted > 0 && $0.removal == .none && $0.privateName == nil && !$0.name.isInbox
    }
    let isDoubtful = unlisted.count >= Self.many && unlisted.count * 2 > records.count
    for record in unlisted {
      if let queue = survey.queue {
        guard await queue.reserve(record.id) else { continue }
      }
      do {
        try await depart(record, at: time, isDoubtful: isDoubtful, &result)
        await survey.queue?.release(record.id)
      } catch {
        await survey.queue?.release(record.id)
        throw error
      }
    }
    return result
  }

  private func depart(
    _ record: MailboxRecord, at time: Int64, isDoubtful: Bool, _ result: inout FolderSurvey.Result
  ) async throws {
    let contents = try await state.contents(of: record.id)
    let location = "\(settings.name)/\(record.name)"
    if contents.remote > 0 {
      guard try await isGone(record) else { return }
      // From now on they may be found elsewhere; only a second listing removes what was not.
      try await state.setDeparted(try await state.remoteMessages(of: record.id), at: time)
      account.logger.notice("\(location): gone on the server with \(contents.remote) messages")
    }
    guard record.unlisted > 1 else { return }
    if isDoubtful {
      let rows = try await state.departedMessages(of: record.id)
      if !rows.isEmpty {
        let reason = "most of the account's mailboxes are gone on the server at once; this one's messages stay here"
        try await state.hold(rows, in: record.id, kind: "removals", reason: reason, now: account.now())
        result.notices.append(.held(location, reason))
      }
    }
    // Otherwise they leave when the others have been looked at, or are kept by a hold, or by `delete_locally`.
    guard contents.messages == 0 else { return }
    account.facts.noteRemovalTried(record.id)
    guard contents.intents == 0 else { return }
    guard try await isGone(record) else { return }
    if contents.files > 0 { return try await makeAgain(record) }
    let root = account.root
    guard let path = FolderPath(bytes: Array(record.folder.utf8)),
      try await account.pool.run({ try MaildirFolder.removeEmpty(in: root, at: path) })
    else { return }
    try await state.forgetMailbox(
      record.id, cause: .server, detail: "gone on the server; its folder was empty", now: account.now())
    account.logger.notice("\(settings.name)/\(record.name): gone on the server; its empty folder was removed")
  }

  func isGone(_ record: MailboxRecord) async throws -> Bool {
    do {
      _ = try await survey.connection.status(record.name)
      return false
    } catch ConnectionError.refused(_, let text) {
      return text.code == nil || text.code == .nonexistent
    }
  }

  /// Its folder holds mail that the server never had.
  private func makeAgain(_ record: MailboxRecord) async throws {
    guard settings.policy.direction == .twoWay, settings.createOnServer else { return }
    if let text = try await survey.connection.create(record.name) {
      account.logger.warning("\(settings.name)/\(record.name): not made again: \(text.text)")
      return
    }
    _ = try await survey.connection.subscribe(record.name)
    account.logger.notice("\(settings.name)/\(record.name): made again for the mail that only its folder has")
    account.facts.setWantsLook(true)
  }
}
