import Foundation
import GRDB
import MailModel

/// Why changes wait for a person's word (DESIGN.md section 5, holds).
package enum HoldKind: String, Sendable, CaseIterable {
  /// The server has these messages no more; the files wait.
  case removals
  /// The folder has these messages no more; the server's copies wait.
  case deletions
  /// The same, and the account has no Trash that they could go to.
  case trash
  /// Flags would be cleared on the server.
  case flags
  /// Local files would be sent.
  case uploads
  /// It is not known whether these were sent.
  case append
  /// Made while nothing was sent (`direction = "pull"`).
  case pull
  /// The mailbox's folder was removed here.
  case folder
  /// The mailbox was made anew on the server, and is empty there.
  case uidvalidity
  /// Its UIDs name other messages now.
  case uids
  /// The configuration names another server than its mail came from.
  case server
}

/// Changes that wait for the person's word.
package struct HoldRecord: Sendable {
  /// Never given to another hold of the account.
  package let id: Int64
  package let mailbox: Int64
  package let name: MailboxName
  package let kind: String
  package let reason: String
  package let since: Int64
  package let messages: Int
}

/// Holds list messages and files; what they list is frozen until a person decides or the cause is gone.
extension AccountState {
  /// Creates or extends the mailbox's hold of this kind with these messages.
  package func hold(
    _ messages: [Int64], files: [LocalFile] = [], in mailbox: Int64, kind: String, reason: String, now: Int64
  ) async throws {
    try await write { db in
      try Self.hold(messages, files: files, in: mailbox, kind: kind, reason: reason, now: now, db)
    }
  }

  /// The same; history tells it of each message and file that was not in the hold before.
  static func hold(
    _ messages: [Int64], files: [LocalFile], in mailbox: Int64, kind: String, reason: String, now: Int64,
    _ db: Database
  ) throws {
    try db.execute(
      sql: """
        INSERT INTO hold (mailbox, kind, reason, since) VALUES (?, ?, ?, ?)
        ON CONFLICT (mailbox, kind) DO UPDATE SET reason = excluded.reason
        """, arguments: [mailbox, kind, reason, now])
    let id = try Int64.fetchOne(
      db, sql: "SELECT id FROM hold WHERE mailbox = ? AND kind = ?", arguments: [mailbox, kind])
    let statement = try db.cachedStatement(sql: "INSERT OR IGNORE INTO hold_message (hold, message) VALUES (?, ?)")
    for message in messages {
      try statement.execute(arguments: [id, message])
      if db.changesCount > 0 { try History.note(.held, of: message, cause: .sync, detail: reason, now: now, db) }
    }
    let file = try db.cachedStatement(
      sql: "INSERT OR IGNORE INTO hold_file (hold, mailbox, base_name, inode) VALUES (?, ?, ?, ?)")
    for item in files {
      try file.execute(arguments: [id, item.mailbox, Data(item.baseName), item.stamp.inode])
      guard db.changesCount > 0 else { continue }
      try History.note(
        .held, mailbox: item.mailbox, baseName: item.baseName, content: item.digests.content, cause: .sync,
        detail: reason, now: now, db)
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

  /// The rows that a hold lists, in the order of their ids; `after` is the last id seen.
  package func heldMessages(of hold: Int64, after: Int64 = 0, limit: Int = 500) async throws -> [MessageRecord] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT \(MessageRecord.columns) FROM message
          WHERE id IN (SELECT message FROM hold_message WHERE hold = ? AND message > ? ORDER BY message LIMIT ?)
          ORDER BY id
          """, arguments: [hold, after, limit]
      ).map(MessageRecord.init(row:))
    }
  }

  /// The files without a row that a hold lists.
  package func heldFiles(of hold: Int64, limit: Int) async throws -> [LocalFile] {
    try await read { db in try Self.heldFiles(of: hold, limit: limit, db) }
  }

  static func heldFiles(of hold: Int64, limit: Int, _ db: Database) throws -> [LocalFile] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT local_file.* FROM local_file JOIN hold_file ON hold_file.mailbox = local_file.mailbox
          AND hold_file.base_name = local_file.base_name AND hold_file.inode = local_file.inode
        WHERE hold_file.hold = ? ORDER BY local_file.base_name LIMIT ?
        """, arguments: [hold, limit]
    ).compactMap(LocalFile.init(row:))
  }
}
