import Foundation
import GRDB
import MailModel

extension AccountState {
  package func mailboxes() async throws -> [MailboxRecord] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM mailbox ORDER BY folder").map(MailboxRecord.init(row:))
    }
  }

  package func mailbox(_ id: Int64) async throws -> MailboxRecord? {
    try await read { db in
      try Row.fetchOne(db, sql: "SELECT * FROM mailbox WHERE id = ?", arguments: [id]).map(MailboxRecord.init(row:))
    }
  }

  /// Where a mailbox stands.
  package struct Standing: Sendable {
    package var record: MailboxRecord
    /// The first UID that is not known, where a round has been completed.
    package var next: UID?
    package var arrivals: Arrivals
  }

  /// Read in one go, since what has come there waits.
  package func standing(of id: Int64) async throws -> Standing? {
    try await read { db in
      guard
        let record = try Row.fetchOne(db, sql: "SELECT * FROM mailbox WHERE id = ?", arguments: [id])
          .map(MailboxRecord.init(row:))
      else { return nil }
      var standing = Standing(record: record, arrivals: try Self.arrivals(in: id, db))
      let highest = try Self.highestUID(of: id, db)
      if let uidNext = record.checkpoint?.uidNext, highest < .max { standing.next = UID(max(uidNext, highest + 1)) }
      return standing
    }
  }

  /// Links a mailbox with a folder; both must be new.
  package func addMailbox(_ name: MailboxName, delimiter: UInt8?, folder: String) async throws -> MailboxRecord {
    try await write { db in
      try db.execute(
        sql: "INSERT INTO mailbox (name, delimiter, folder) VALUES (?, ?, ?)",
        arguments: [Data(name.wire), delimiter.map { Int64($0) }, folder])
      guard
        let row = try Row.fetchOne(db, sql: "SELECT * FROM mailbox WHERE id = ?", arguments: [db.lastInsertedRowID])
      else { throw DatabaseError(resultCode: .SQLITE_INTERNAL) }
      return MailboxRecord(row: row)
    }
  }

  /// Notes the identifier that the server gave a mailbox when it was selected (RFC 8474 section 4.1).
  package func setObjectID(_ id: String, of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE mailbox SET object_id = ? WHERE id = ?", arguments: [id, mailbox])
    }
  }

  /// Counts the complete listings in a row that lacked a mailbox.
  package func setUnlisted(_ mailbox: Int64, _ count: Int) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE mailbox SET unlisted = ? WHERE id = ?", arguments: [count, mailbox])
    }
  }

  /// A mailbox is listed again: nothing is known to have left it before its next round has seen all of it.
  package func setListedAgain(_ mailbox: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE mailbox SET unlisted = 0, uid_next = NULL, highest_modseq = NULL, message_count = NULL WHERE id = ?
          """, arguments: [mailbox])
      try db.execute(
        sql: """
          UPDATE message SET remote = 1, departed = NULL WHERE mailbox = ? AND departed IS NOT NULL AND state = 1
            AND id NOT IN (SELECT message FROM hold_message)
          """, arguments: [mailbox])
    }
  }

  /// Binds the mailbox's rows to a UIDVALIDITY before the first of them is made; the checkpoint is void.
  package func setValidity(_ validity: UIDValidity, of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE mailbox SET uid_validity = ?, uid_next = NULL, highest_modseq = NULL, message_count = NULL
          WHERE id = ?
          """, arguments: [validity.value, mailbox])
    }
  }

  /// Stores where a completed round ended.
  package func completeRound(of mailbox: Int64, checkpoint: Checkpoint, now: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE mailbox SET uid_next = ?, highest_modseq = ?, message_count = ?, last_success = ?,
            problem = NULL, remedy = NULL, problem_since = NULL WHERE id = ?
          """,
        arguments: [
          checkpoint.uidNext.map { Int64($0) }, checkpoint.highestModSequence.map { Int64($0.value) },
          checkpoint.messages, now, mailbox,
        ])
    }
  }

  /// The next round lists the mailbox in full.
  package func forgetCheckpoint(of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE mailbox SET uid_next = NULL, highest_modseq = NULL, message_count = NULL WHERE id = ?",
        arguments: [mailbox])
    }
  }

  /// Mailboxes that the server says are as the checkpoint has them.
  package func confirmUnchanged(_ mailboxes: [Int64], now: Int64) async throws {
    guard !mailboxes.isEmpty else { return }
    try await write { db in
      for id in mailboxes {
        try db.execute(
          sql: "UPDATE mailbox SET last_success = ?, problem = NULL, remedy = NULL, problem_since = NULL WHERE id = ?",
          arguments: [now, id])
      }
    }
  }

  /// Notes why a mailbox stands still; the time of the first such note stays while the reason is the same.
  package func setProblem(of mailbox: Int64, what: String, remedy: String, now: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE mailbox SET problem_since = CASE WHEN problem = ?1 THEN problem_since ELSE ?3 END,
            problem = ?1, remedy = ?2 WHERE id = ?4
          """, arguments: [what, remedy, now, mailbox])
    }
  }

  package func setAccountProblem(what: String, remedy: String, now: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE account SET problem_since = CASE WHEN problem = ?1 THEN problem_since ELSE ?3 END,
            problem = ?1, remedy = ?2
          """, arguments: [what, remedy, now])
    }
  }

  package func setAccountSuccess(now: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE account SET last_success = ?, problem = NULL, remedy = NULL, problem_since = NULL",
        arguments: [now])
    }
  }

  /// The server under its new name: every mailbox there was found to be the one that was known.
  package func setServer(_ server: String) async throws {
    try await write { db in try db.execute(sql: "UPDATE account SET server = ?", arguments: [server]) }
  }

  /// What the last complete scan of a folder saw; nil makes the next round read it again.
  package func setScan(_ scan: FolderScanRecord?, of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE mailbox SET new_device = ?, new_inode = ?, new_modified = ?, new_changed = ?,
            cur_device = ?, cur_inode = ?, cur_modified = ?, cur_changed = ?, scan_began = ? WHERE id = ?
          """,
        arguments: [
          scan?.new.device, scan?.new.inode, scan?.new.modified, scan?.new.changed, scan?.cur.device,
          scan?.cur.inode, scan?.cur.modified, scan?.cur.changed, scan?.began, mailbox,
        ])
    }
  }
}
