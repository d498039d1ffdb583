import Foundation
import GRDB
import MailModel

/// A person's word about a hold.
extension AccountState {
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
