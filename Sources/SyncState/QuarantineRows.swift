import Foundation
import GRDB
import MailModel

/// A message that waits in quarantine.
package struct QuarantinedRecord: Sendable {
  package let id: Int64
  package let mailbox: MailboxName
  package let folder: String
  package let uid: UID?
  /// The file's name in the quarantine directory.
  package let entry: String
  /// What the file was called in its folder.
  package let fileName: [UInt8]
  package let contentDigest: Digest
  package let reason: String
  /// Seconds since 1970.
  package let at: Int64
  package let flags: FlagSet
  package let internalDate: Int64?
}

extension AccountState {
  /// What can be restored, newest first.
  package func quarantined(limit: Int = .max) async throws -> [QuarantinedRecord] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM quarantined ORDER BY at DESC, id DESC LIMIT ?", arguments: [limit])
        .compactMap(QuarantinedRecord.init(row:))
    }
  }

  package func quarantined(entry: String) async throws -> QuarantinedRecord? {
    try await read { db in
      try Row.fetchOne(db, sql: "SELECT * FROM quarantined WHERE entry = ?", arguments: [entry])
        .flatMap(QuarantinedRecord.init(row:))
    }
  }

  /// The row of a quarantined message whose deletion on the server still waits: its file is missing.
  package func waitingDeletion(of record: QuarantinedRecord) async throws -> MessageRecord? {
    try await read { db in
      try Row.fetchOne(
        db,
        sql: """
          SELECT \(MessageRecord.columns) FROM message
          WHERE mailbox = (SELECT id FROM mailbox WHERE name = ?) AND uid = ? AND content_digest = ? AND state = 1
            AND remote = 1 AND pending & 1 AND leaving = 0
          """, arguments: [Data(record.mailbox.wire), record.uid?.value, Data(record.contentDigest.bytes)]
      ).map(MessageRecord.init(row:))
    }
  }

  /// A quarantined message is durably back in its folder: under its row where that waited for its deletion, else as a
  /// new file that the person wants to be sent. The entry goes.
  package func confirmRestored(
    _ record: QuarantinedRecord, file: LocalFile, row: MessageRecord?, now: Int64
  ) async throws {
    try await write { db in
      if let row {
        try db.execute(
          sql: """
            UPDATE message SET pending = pending & ~1, missing_since = NULL, approved = 0, unsendable = 0, file_name = ?,
              in_cur = ?, device = ?, inode = ?, modified = ?, changed = ? WHERE id = ?
            """,
          arguments: [
            Data(file.fileName), file.isInCur, file.stamp.device, file.stamp.inode, file.stamp.modified,
            file.stamp.changed, row.id,
          ])
        try Self.releaseHeld([row.id], db)
        try History.note(.restored, of: row.id, cause: .person, detail: "from quarantine", now: now, db)
      } else {
        try db.execute(
          sql: """
            INSERT OR REPLACE INTO local_file (mailbox, base_name, file_name, in_cur, disk_size, device, inode,
              modified, changed, content_digest, header_digest, approved) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
            """,
          arguments: [
            file.mailbox, Data(file.baseName), Data(file.fileName), file.isInCur, file.stamp.size, file.stamp.device,
            file.stamp.inode, file.stamp.modified, file.stamp.changed, Data(file.digests.content.bytes),
            Data(file.digests.header.bytes),
          ])
        try Self.countLocalFiles(of: file.mailbox, db)
        try History.note(
          .restored, mailbox: file.mailbox, baseName: file.baseName, content: file.digests.content, cause: .person,
          detail: "from quarantine", now: now, db)
      }
      try db.execute(sql: "DELETE FROM quarantined WHERE id = ?", arguments: [record.id])
    }
  }
}

extension QuarantinedRecord {
  init?(row: Row) {
    guard let digest = Digest(row["content_digest"] as Data) else { return nil }
    let uid: UInt32? = row["uid"]
    self.init(
      id: row["id"], mailbox: MailboxName(wire: row["mailbox"] as Data), folder: row["folder"],
      uid: uid.flatMap(UID.init), entry: row["entry"], fileName: Array(row["file_name"] as Data), contentDigest: digest,
      reason: row["reason"], at: row["at"],
      flags: FlagSet(systemColumn: row["flags"], keywordColumn: row["keywords"]), internalDate: row["internal_date"])
  }
}
