import MailConnections
import MailModel
import SyncState

/// Keeps a copy of what is deleted on the server because its file was deleted here (DESIGN.md promise 6).
struct DrainQuarantine: Sendable {
  let account: OpenAccount
  let connection: POP3Connection
  let mailbox: MirroredMailbox

  /// Returns the numbers that may be deleted: of which the message is durably in quarantine, and is the one that was
  /// deleted here.
  func keep(_ deletions: [DrainPlan.Deletion]) async throws -> Set<MessageNumber> {
    guard account.settings.keepDeleted > 0, !deletions.isEmpty else { return Set(deletions.map(\.number)) }
    let state = account.state
    var uids: [MessageNumber: UID] = [:]
    for deletion in deletions { uids[deletion.number] = UInt32(exactly: deletion.row).flatMap(UID.init) }
    let receiver = QuarantineReceiver(quarantine: account.quarantine, clock: account.clock, pool: account.pool)
    let (named, now) = (uids, account.now())
    _ = try await connection.retrieve(deletions.map(\.number)) { number in
      guard let uid = named[number], let sink = receiver.begin(announcedSize: 0) else { return nil }
      return DatedSink(sink, uid: uid, now: now)
    }
    let kept = try await receiver.finish()
    let rows = try await state.messages(Array(uids.values), of: mailbox.record.id)
    var safe: Set<MessageNumber> = []
    for (number, uid) in uids {
      guard let entry = kept[uid], let row = rows[uid], entry.content.digests == row.digests else { continue }
      try await state.noteQuarantined(
        row.id, entry: entry.name.description, digest: entry.content.digests.content, reason: "deleted here", now: now)
      safe.insert(number)
    }
    return safe
  }
}
