import Foundation
import GRDB
import MailModel

/// Removals: quarantine intents, holds, and the counts that the removal guard looks at.
extension AccountState {
  /// Commits, before anything is linked or unlinked, that these files go to quarantine under these names.
  package func intendQuarantine(_ removals: [(message: Int64, entry: String)]) async throws {
    try await write { db in
      let statement = try db.cachedStatement(
        sql: "UPDATE message SET state = 2, remote = 0, quarantine_name = ? WHERE id = ?")
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
  package func confirmQuarantined(_ messages: [MessageRecord], reason: String, now: Int64) async throws {
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          INSERT OR IGNORE INTO quarantined (mailbox, folder, uid, entry, file_name, content_digest, reason, at)
          SELECT mailbox.name, mailbox.folder, message.uid, message.quarantine_name, message.file_name,
            message.content_digest, ?, ? FROM message JOIN mailbox ON mailbox.id = message.mailbox
          WHERE message.id = ?
          """)
      for message in messages { try statement.execute(arguments: [reason, now, message.id]) }
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

  /// Takes messages that the server has again out of their holds; a hold of removals with none left is dropped.
  static func releaseHeld(_ messages: [Int64], _ db: Database) throws {
    let statement = try db.cachedStatement(sql: "DELETE FROM hold_message WHERE message = ?")
    for message in messages { try statement.execute(arguments: [message]) }
    try dropEmptyHolds(db)
  }

  /// Holds whose causes are all gone.
  static func dropEmptyHolds(_ db: Database) throws {
    try db.execute(
      sql: """
        DELETE FROM hold_file WHERE NOT EXISTS (SELECT 1 FROM local_file
          WHERE local_file.mailbox = hold_file.mailbox AND local_file.base_name = hold_file.base_name
            AND local_file.inode = hold_file.inode)
        """)
    try db.execute(
      sql: """
        DELETE FROM hold WHERE kind IN ('removals', 'deletions', 'flags', 'uploads', 'append', 'pull')
          AND id NOT IN (SELECT hold FROM hold_message) AND id NOT IN (SELECT hold FROM hold_file)
        """)
  }

  /// Creates or extends the mailbox's hold of this kind with these messages.
  package func hold(
    _ messages: [Int64], files: [LocalFile] = [], in mailbox: Int64, kind: String, reason: String, now: Int64
  ) async throws {
    try await write { db in
      try db.execute(
        sql: """
          INSERT INTO hold (mailbox, kind, reason, since) VALUES (?, ?, ?, ?)
          ON CONFLICT (mailbox, kind) DO UPDATE SET reason = excluded.reason
          """, arguments: [mailbox, kind, reason, now])
      let id = try Int64.fetchOne(
        db, sql: "SELECT id FROM hold WHERE mailbox = ? AND kind = ?", arguments: [mailbox, kind])
      let statement = try db.cachedStatement(sql: "INSERT OR IGNORE INTO hold_message (hold, message) VALUES (?, ?)")
      for message in messages { try statement.execute(arguments: [id, message]) }
      let file = try db.cachedStatement(
        sql: "INSERT OR IGNORE INTO hold_file (hold, mailbox, base_name, inode) VALUES (?, ?, ?, ?)")
      for item in files {
        try file.execute(arguments: [id, item.mailbox, Data(item.baseName), item.stamp.inode])
      }
    }
  }

  package func holds() async throws -> [HoldRecord] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT hold.*, mailbox.name AS name,
            (SELECT count(*) FROM hold_message WHERE hold_message.hold = hold.id)
              + (SELECT count(*) FROM hold_file WHERE hold_file.hold = hold.id) AS messages
          FROM hold JOIN mailbox ON mailbox.id = hold.mailbox ORDER BY hold.id
          """
      ).map { row in
        HoldRecord(
          id: row["id"], mailbox: row["mailbox"], name: MailboxName(wire: row["name"] as Data), kind: row["kind"],
          reason: row["reason"], since: row["since"], messages: row["messages"])
      }
    }
  }

  package func dropHold(_ hold: Int64) async throws {
    try await write { db in try db.execute(sql: "DELETE FROM hold WHERE id = ?", arguments: [hold]) }
  }

  /// Entries kept longer than `keep_deleted`, oldest first.
  package func quarantinedBefore(_ time: Int64) async throws -> [(id: Int64, entry: String)] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT id, entry FROM quarantined WHERE at < ? ORDER BY at LIMIT 1000", arguments: [time]
      )
      .map { ($0["id"], $0["entry"]) }
    }
  }

  package func forgetQuarantined(_ ids: [Int64]) async throws {
    guard !ids.isEmpty else { return }
    try await write { db in
      for id in ids { try db.execute(sql: "DELETE FROM quarantined WHERE id = ?", arguments: [id]) }
    }
  }
}

/// Removals that wait for the person's word.
package struct HoldRecord: Sendable {
  package let id: Int64
  package let mailbox: Int64
  package let name: MailboxName
  package let kind: String
  package let reason: String
  package let since: Int64
  package let messages: Int
}
