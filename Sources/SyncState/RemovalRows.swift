import Foundation
import GRDB
import MailModel

/// Removals: quarantine intents, and the counts that the removal guard looks at.
extension AccountState {
  /// Commits, before anything is linked or unlinked, that these files go to quarantine under these names. A row whose
  /// message turned up on the server meanwhile is left out.
  package func intendQuarantine(_ removals: [(message: Int64, entry: String)]) async throws {
    try await write { db in
      let statement = try db.cachedStatement(
        sql: "UPDATE message SET state = 2, quarantine_name = ? WHERE id = ? AND state = 1 AND remote = 0")
      for removal in removals { try statement.execute(arguments: [removal.entry, removal.message]) }
    }
  }

  /// The same for damaged files whose messages are to be fetched again: the checkpoint is void at once, so that this
  /// happens even if the run ends here.
  package func intendRefetch(_ removals: [(message: Int64, entry: String)], of mailbox: Int64) async throws {
    try await write { db in
      let statement = try db.cachedStatement(
        sql: "UPDATE message SET state = 2, remote = 0, quarantine_name = ? WHERE id = ?")
      for removal in removals { try statement.execute(arguments: [removal.entry, removal.message]) }
      try db.execute(
        sql: "UPDATE mailbox SET message_count = NULL, highest_modseq = NULL, uid_next = NULL WHERE id = ?",
        arguments: [mailbox])
    }
  }

  /// Commits that the copies in quarantine are durable; the files may be unlinked now.
  package func confirmQuarantined(
    _ messages: [MessageRecord], event: HistoryEvent = .quarantined, cause: HistoryCause = .server, reason: String,
    now: Int64
  ) async throws {
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          INSERT OR IGNORE INTO quarantined (mailbox, folder, uid, entry, file_name, content_digest, reason, at, flags,
            keywords, internal_date)
          SELECT mailbox.name, mailbox.folder, message.uid, message.quarantine_name, message.file_name,
            message.content_digest, ?, ?, message.flags, message.keywords, message.internal_date
          FROM message JOIN mailbox ON mailbox.id = message.mailbox WHERE message.id = ?
          """)
      for message in messages {
        try statement.execute(arguments: [reason, now, message.id])
        // A recovery finds some of them confirmed.
        guard db.changesCount > 0 else { continue }
        try History.note(event, of: message.id, cause: cause, detail: reason, now: now, db)
      }
    }
  }

  /// Removes the rows of messages that have left, and counts them for the removal guard where the server took them.
  package func settleRemovals(_ messages: [Int64], of mailbox: Int64, folderSize: Int?, now: Int64) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(sql: "DELETE FROM message WHERE id = ?")
      for message in messages { try statement.execute(arguments: [message]) }
      guard let folderSize else { return }
      try db.execute(
        sql: "INSERT INTO removal (mailbox, at, messages, folder_size) VALUES (?, ?, ?, ?)",
        arguments: [mailbox, now, messages.count, folderSize])
      try db.execute(sql: "DELETE FROM removal WHERE at < ?", arguments: [now - 2 * 86_400])
    }
  }

  /// Notes a file that was set aside although no message row goes with it: damaged, or in the way.
  package func noteQuarantined(
    mailbox: MailboxRecord, entry: String, fileName: [UInt8], digest: Digest, reason: String, now: Int64
  ) async throws {
    try await write { db in
      try db.execute(
        sql: """
          INSERT OR IGNORE INTO quarantined (mailbox, folder, entry, file_name, content_digest, reason, at)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          Data(mailbox.name.wire), mailbox.folder, entry, Data(fileName), Data(digest.bytes), reason, now,
        ])
      guard db.changesCount > 0 else { return }
      try History.note(
        .quarantined, mailbox: mailbox.id, content: digest, cause: .sync, detail: reason, now: now, db)
    }
  }

  /// Marks rows whose message the server no longer has but whose file stays: held, or kept by `delete_locally`.
  package func setRemote(_ isRemote: Bool, of messages: [Int64]) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(sql: "UPDATE message SET remote = ?, departed = NULL WHERE id = ?")
      for message in messages { try statement.execute(arguments: [isRemote, message]) }
      if isRemote { try Self.releaseHeld(messages, db) }
    }
  }

  /// Entries that came at this time (seconds since 1970) or before and whose removal is final, oldest first, at most
  /// 1,000 of them.
  package func quarantined(until time: Int64) async throws -> [(id: Int64, entry: String)] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT id, entry FROM quarantined
          WHERE at <= ? AND entry NOT IN (SELECT quarantine_name FROM message WHERE state <> 1 AND state = 2)
          ORDER BY at LIMIT 1000
          """, arguments: [time]
      ).map { ($0["id"], $0["entry"]) }
    }
  }

  package func forgetQuarantined(_ ids: [Int64]) async throws {
    guard !ids.isEmpty else { return }
    try await write { db in
      for id in ids { try db.execute(sql: "DELETE FROM quarantined WHERE id = ?", arguments: [id]) }
    }
  }
}
