import Foundation
import GRDB
import MailModel

/// Where a message of a maildrop is on its way off the server.
package enum DrainDeparture: Int, Sendable {
  case none
  /// DELE may have been sent.
  case leaving
  /// QUIT may have been sent, too.
  case uncertain
  /// QUIT's +OK confirmed it.
  case deleted
}

/// A message of a maildrop, as the state has it.
package struct DrainedRecord: Sendable {
  /// The UID of its row in `message`.
  package let id: Int64
  package let uniqueID: UniqueID?
  package let size: Int64?
  package let firstSeen: Int64
  package let firstListing: Int64
  package let absentListing: Int64?
  /// Its file is durable in a folder.
  package let isHere: Bool
  package let departure: DrainDeparture
  package let attempts: Int
  package let deletions: Int
  package let isRemovedHere: Bool
}

/// The messages of a POP3 account's maildrop.
extension AccountState {
  /// How many complete listings there have been.
  package func drainListing() async throws -> Int64 {
    try await read { db in try Int64.fetchOne(db, sql: "SELECT listing FROM maildrop") ?? 0 }
  }

  /// QUIT's +OK, or a listing, has confirmed the deletion of the rows that `rows` selects, which stay the same ones. An
  /// error ends the transaction: OR FAIL saves the copies of all pages that SQLite makes so as to undo a statement alone.
  static func confirmDeletion(
    _ rows: String, cause: HistoryCause, detail: String, now: Int64, _ db: Database
  ) throws {
    try db.execute(
      sql: "UPDATE OR FAIL drained SET departure = 3, deletions = deletions + 1 WHERE id IN (\(rows))")
    try db.execute(
      sql: """
        INSERT OR FAIL INTO history (at, event, cause, mailbox, uid, base_name, content_digest, came, detail)
        SELECT ?, ?, ?, mailbox.name, uid, base_name, content_digest, added, ?
        FROM drained JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
          JOIN mailbox ON mailbox.id = message.mailbox
        WHERE drained.id IN (\(rows)) ORDER BY drained.id
        """, arguments: [now, HistoryEvent.deleted.rawValue, cause.rawValue, detail])
  }

  /// Deletions that were not confirmed and that a listing bears out: all that it has was looked at, and none of it is
  /// one of these.
  package func settleAbsent(now: Int64) async throws {
    let rows = """
      SELECT drained.id FROM drained JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
      WHERE state = 1 AND absent_listing IS NOT NULL AND departure IN (1, 2)
      """
    guard try await read({ db in try Bool.fetchOne(db, sql: "SELECT EXISTS (\(rows))") ?? false }) else { return }
    try await write { db in
      try Self.selecting(rows, db) { rows in
        try Self.confirmDeletion(
          rows, cause: .sync, detail: "deleted on the server after delivery, as the next listing showed", now: now, db)
      }
    }
  }

  /// Why a message could not be fetched.
  package func noteUndrained(_ id: Int64, reason: String) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE drained SET reason = ?, attempts = attempts + 1 WHERE id = ?", arguments: [reason, id])
    }
  }

  /// What the last session left on the server, and the folder with it.
  package func setMaildrop(left: Int, tooLarge: Int, files: Int, unseen: Int) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE maildrop SET left_there = ?, too_large = ?, files = ?, unseen = ?",
        arguments: [left, tooLarge, files, unseen])
    }
  }

  /// Lets go of rows that have not been listed for longer than history goes back.
  package func purgeAbsent(now: Int64) async throws {
    let limit = now - 366 * 86_400
    let isDue = try await read { db in
      try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM drained WHERE absent_at < ?)", arguments: [limit])
    }
    guard isDue == true else { return }
    try await write { db in
      try Self.removeDrained("SELECT id FROM drained WHERE absent_at < \(limit)", db)
    }
  }

  static func noteAbsent(_ rows: String, listing: Int64, now: Int64, _ db: Database) throws {
    try db.execute(
      sql: """
        UPDATE drained SET absent_listing = ?, absent_at = ? WHERE id IN (\(rows)) AND absent_listing IS NULL
        """, arguments: [listing, now])
  }

  /// Gives `body` a selection of the rows that `rows` selects now, which stay the same ones whatever becomes of them.
  private static func selecting(_ rows: String, _ db: Database, _ body: (String) throws -> Void) throws {
    try db.execute(sql: "CREATE TEMP TABLE IF NOT EXISTS selected (row INTEGER PRIMARY KEY) STRICT")
    try db.execute(sql: "DELETE FROM selected")
    try db.execute(sql: "INSERT INTO selected \(rows)")
    try body("SELECT row FROM selected")
  }

  /// A row of `message` that is one of those that `rows` selects of `drained`.
  private static func isMessage(of rows: String) -> String {
    "(mailbox, uid) IN (SELECT mailbox, id FROM drained WHERE id IN (\(rows)))"
  }

  /// Writes into history when messages came, as long as their rows still say so.
  private static func noteArrivals(of rows: String, _ db: Database) throws {
    try db.execute(
      sql: """
        INSERT OR FAIL INTO history (at, event, cause, mailbox, uid, base_name, content_digest, came, detail)
        SELECT added, ?, ?, mailbox.name, uid, base_name, content_digest, added, ''
        FROM drained JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
          JOIN mailbox ON mailbox.id = message.mailbox
        WHERE drained.id IN (\(rows)) AND state = 1 AND added IS NOT NULL ORDER BY drained.id
        """, arguments: [HistoryEvent.came.rawValue, HistoryCause.server.rawValue])
  }

  /// Removes rows with those of their messages, which are the person's alone from now on. History keeps when they came.
  static func removeDrained(_ rows: String, _ db: Database) throws {
    try selecting(rows, db) { rows in
      try noteArrivals(of: rows, db)
      try db.execute(sql: "DELETE FROM message WHERE state = 1 AND \(isMessage(of: rows))")
      let delivered = db.changesCount
      try db.execute(sql: "DELETE FROM drained WHERE id IN (\(rows))")
      try db.execute(sql: "UPDATE maildrop SET gone = gone + ?", arguments: [delivered])
    }
  }
}
