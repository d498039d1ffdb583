import Foundation
import GRDB
import MailModel

/// Why changes wait for a person's word (DESIGN.md section 5, holds).
package enum HoldKind: String, Sendable, CaseIterable {
  /// The server has these messages no more; the files wait.
  case removals
  /// The folder has these messages no more; the server's copies wait.
  case deletions
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

  private static func heldFiles(of hold: Int64, limit: Int, _ db: Database) throws -> [LocalFile] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT local_file.* FROM local_file JOIN hold_file ON hold_file.mailbox = local_file.mailbox
          AND hold_file.base_name = local_file.base_name AND hold_file.inode = local_file.inode
        WHERE hold_file.hold = ? ORDER BY local_file.base_name LIMIT ?
        """, arguments: [hold, limit]
    ).compactMap(LocalFile.init(row:))
  }

  // MARK: A cause that is gone

  package func dropHold(_ hold: Int64) async throws {
    try await write { db in
      try Self.noteReleased("id = \(hold)", db)
      try db.execute(sql: "DELETE FROM hold WHERE id = ?", arguments: [hold])
    }
  }

  /// Takes messages that the server has again out of their holds; a hold of removals with none left is dropped.
  static func releaseHeld(_ messages: [Int64], _ db: Database) throws {
    let approved = try db.cachedStatement(sql: "UPDATE message SET approved = 0 WHERE id = ? AND approved = 1")
    let statement = try db.cachedStatement(sql: "DELETE FROM hold_message WHERE message = ?")
    for message in messages {
      // What was approved for a message that had gone is not meant for one that is here.
      try approved.execute(arguments: [message])
      try statement.execute(arguments: [message])
    }
    try dropEmptyHolds(db)
  }

  /// Holds whose causes are all gone.
  static func dropEmptyHolds(_ db: Database) throws {
    guard try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM hold)") ?? false else { return }
    try db.execute(
      sql: """
        DELETE FROM hold_file WHERE NOT EXISTS (SELECT 1 FROM local_file
          WHERE local_file.mailbox = hold_file.mailbox AND local_file.base_name = hold_file.base_name
            AND local_file.inode = hold_file.inode)
        """)
    let isEmpty = """
      kind IN ('removals', 'deletions', 'flags', 'uploads', 'append', 'pull')
        AND id NOT IN (SELECT hold FROM hold_message) AND id NOT IN (SELECT hold FROM hold_file)
      """
    try noteReleased(isEmpty, db)
    try db.execute(sql: "DELETE FROM hold WHERE \(isEmpty)")
  }

  private static func noteReleased(_ condition: String, _ db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO history (at, event, cause, mailbox, detail)
        SELECT unixepoch(), ?, ?, mailbox.name, 'the cause of hold ' || hold.id || ' is gone: ' || hold.reason
        FROM hold JOIN mailbox ON mailbox.id = hold.mailbox
        WHERE hold.id IN (SELECT id FROM hold WHERE \(condition))
        """, arguments: [HistoryEvent.released.rawValue, HistoryCause.sync.rawValue])
  }

  // MARK: A person's word

  /// What the hold lists may be done; the next round does it without a guard. A doubted view of the server counts from
  /// now on.
  /// - Parameter server: where the account's mail comes from.
  package func approve(_ hold: HoldRecord, server: String, now: Int64) async throws {
    try await write { db in
      try Self.noteDecision(.approved, on: hold, now: now, db)
      switch HoldKind(rawValue: hold.kind) {
      case .uidvalidity:
        try db.execute(
          sql: """
            UPDATE message SET uid = NULL, remote = 0, approved = 1
            WHERE id IN (SELECT message FROM hold_message WHERE hold = ?)
            """, arguments: [hold.id])
        try Self.acceptView(of: hold.mailbox, db)
      case .uids: try Self.acceptView(of: hold.mailbox, db)
      case .server:
        try Self.acceptView(of: hold.mailbox, db)
        try db.execute(sql: "UPDATE account SET server = ?", arguments: [server])
      default:
        try db.execute(
          sql: "UPDATE message SET approved = 1 WHERE id IN (SELECT message FROM hold_message WHERE hold = ?)",
          arguments: [hold.id])
        try db.execute(
          sql: """
            UPDATE local_file SET approved = 1 WHERE EXISTS (SELECT 1 FROM hold_file
              WHERE hold = ? AND hold_file.mailbox = local_file.mailbox
                AND hold_file.base_name = local_file.base_name AND hold_file.inode = local_file.inode)
            """, arguments: [hold.id])
      }
      try db.execute(sql: "DELETE FROM hold WHERE id = ?", arguments: [hold.id])
    }
  }

  /// The other side is to have what the hold lists as it was: files become new ones that the next round sends, and
  /// messages whose files are gone are fetched again. Files themselves are not touched.
  package func reject(_ hold: HoldRecord, now: Int64) async throws {
    try await write { db in
      try Self.noteDecision(.rejected, on: hold, now: now, db)
      let rows = try Int64.fetchAll(db, sql: "SELECT message FROM hold_message WHERE hold = ?", arguments: [hold.id])
      switch HoldKind(rawValue: hold.kind) {
      case .removals: try Self.makeStrays(rows, of: hold.mailbox, db)
      case .uidvalidity:
        try Self.makeStrays(rows, of: hold.mailbox, db)
        try Self.acceptView(of: hold.mailbox, db)
      default:
        try Self.dropMissing(rows, of: hold.mailbox, db)
        for file in try Self.heldFiles(of: hold.id, limit: .max, db) {
          try db.execute(
            sql: "UPDATE local_file SET refused = ? WHERE mailbox = ? AND base_name = ? AND inode = ?",
            arguments: [Self.keptHere, file.mailbox, Data(file.baseName), file.stamp.inode])
        }
      }
      try db.execute(sql: "DELETE FROM hold WHERE id = ?", arguments: [hold.id])
    }
  }

  private static let keptHere = "kept here only, as you said"

  private static func noteDecision(_ event: HistoryEvent, on hold: HoldRecord, now: Int64, _ db: Database) throws {
    for message in try Int64.fetchAll(
      db, sql: "SELECT message FROM hold_message WHERE hold = ?", arguments: [hold.id])
    {
      try History.note(event, of: message, cause: .person, detail: hold.reason, now: now, db)
    }
    for file in try heldFiles(of: hold.id, limit: .max, db) {
      try History.note(
        event, mailbox: file.mailbox, baseName: file.baseName, content: file.digests.content, cause: .person,
        detail: hold.reason, now: now, db)
    }
    guard hold.messages == 0 else { return }
    try History.note(event, mailbox: hold.mailbox, cause: .person, detail: hold.reason, now: now, db)
  }

  /// What the server shows of the mailbox counts as a new UIDVALIDITY does: rows are matched by their content.
  private static func acceptView(of mailbox: Int64, _ db: Database) throws {
    try db.execute(sql: "UPDATE message SET uid = NULL WHERE mailbox = ?", arguments: [mailbox])
    try db.execute(sql: "DELETE FROM unfetched WHERE mailbox = ?", arguments: [mailbox])
    try db.execute(
      sql: """
        UPDATE mailbox SET uid_validity = NULL, uid_next = NULL, highest_modseq = NULL, message_count = NULL
        WHERE id = ?
        """, arguments: [mailbox])
  }

  /// Files lose their rows, and may be sent.
  private static func makeStrays(_ messages: [Int64], of mailbox: Int64, _ db: Database) throws {
    let stray = try db.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO local_file (mailbox, base_name, file_name, in_cur, disk_size, device, inode, modified,
          changed, content_digest, header_digest, approved)
        SELECT mailbox, base_name, file_name, in_cur, disk_size, device, inode, modified, changed, content_digest,
          header_digest, 1
        FROM message WHERE id = ? AND pending & 5 = 0 AND device IS NOT NULL AND modified IS NOT NULL
          AND changed IS NOT NULL
        """)
    let drop = try db.cachedStatement(sql: "DELETE FROM message WHERE id = ?")
    for message in messages {
      try stray.execute(arguments: [message])
      try drop.execute(arguments: [message])
    }
    // The next scan reads the folder, whatever its times say.
    try db.execute(sql: "UPDATE mailbox SET scan_began = 0 WHERE id = ?", arguments: [mailbox])
    try countLocalFiles(of: mailbox, db)
  }

  /// Rows whose file is missing go, and the server is asked for what it has.
  private static func dropMissing(_ messages: [Int64], of mailbox: Int64, _ db: Database) throws {
    let drop = try db.cachedStatement(sql: "DELETE FROM message WHERE id = ? AND pending & 1")
    var dropped = 0
    for message in messages {
      try drop.execute(arguments: [message])
      dropped += db.changesCount
    }
    guard dropped > 0 else { return }
    try db.execute(
      sql: "UPDATE mailbox SET message_count = NULL, highest_modseq = NULL, uid_next = NULL WHERE id = ?",
      arguments: [mailbox])
  }
}
