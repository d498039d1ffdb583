import Foundation
import GRDB
import MailModel

/// What scans of the folders found, against the last synced state.
extension AccountState {
  /// Rows whose file has another name, place or metadata than recorded, or whose local changes came or went. What was
  /// missing and is back is missing no more, and waits for no word. A row that went to another mailbox since is left out.
  package func setSeen(_ seen: [SeenFile], in mailbox: Int64) async throws {
    guard !seen.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          UPDATE message SET file_name = ?, in_cur = ?, device = ?, inode = ?, modified = ?, changed = ?, pending = ?,
            missing_since = NULL, unsendable = 0, leaving = 0, touched = 0 WHERE id = ? AND mailbox = ?
          """)
      let withdrawn = try db.cachedStatement(
        sql: "UPDATE message SET approved = 0 WHERE id = ? AND approved = 1 AND missing_since IS NOT NULL")
      let isAnyHeld = try Self.isAnyHeld(db)
      for file in seen {
        try withdrawn.execute(arguments: [file.message])
        try statement.execute(arguments: [
          Data(file.fileName), file.isInCur, file.stamp.device, file.stamp.inode, file.stamp.modified,
          file.stamp.changed, file.pending.rawValue, file.message, mailbox,
        ])
        guard isAnyHeld else { continue }
        try Self.release(
          file.message, from: [.deletions, .trash, .folder], because: "its file is in the folder again", db)
        let undone: [HoldKind] = file.pending.isEmpty ? [.flags, .pull] : file.pending.contains(.flags) ? [] : [.flags]
        try Self.release(file.message, from: undone, because: "what was changed in the folder was undone there", db)
      }
      try Self.dropEmptyHolds(db)
    }
  }

  /// Rows whose file a complete scan did not find; the first scan to miss it counts.
  package func setMissing(_ messages: [MessageRecord], since: Int64) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: "UPDATE message SET pending = ?, missing_since = coalesce(missing_since, ?) WHERE id = ? AND mailbox = ?")
      for message in messages {
        try statement.execute(arguments: [message.pending.union(.gone).rawValue, since, message.id, message.mailbox])
      }
    }
  }

  /// Lets go of rows whose message the server has no more and whose file was kept (`delete_locally = "never"`), where
  /// the file has gone since or has other content. What is there is a file of its own then, as one that was made here.
  /// Returns whether there is any such file, which another scan finds.
  package func releaseKept(of mailbox: Int64, now: Int64) async throws -> Bool {
    let kept = """
      mailbox = ? AND pending & 5 AND pending <> 0 AND state = 1 AND remote = 0 AND departed IS NULL AND approved = 0
        AND id NOT IN (SELECT message FROM hold_message)
      """
    let isAny = try await read { db in
      try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM message INDEXED BY message_pending WHERE \(kept))", arguments: [mailbox])
    }
    guard isAny == true else { return false }
    return try await write { db in
      var isAnyThere = false
      for row in try Row.fetchAll(
        db, sql: "SELECT id, pending FROM message INDEXED BY message_pending WHERE \(kept)", arguments: [mailbox])
      {
        let id: Int64 = row["id"]
        if PendingChanges(rawValue: row["pending"]).contains(.gone) {
          try History.note(
            .deleted, of: id, cause: .folder, detail: "the server had it no more", now: now, db)
        } else {
          isAnyThere = true
          try History.note(
            .replaced, of: id, cause: .folder, detail: "edited here when the server had it no more; a new message",
            now: now, db)
        }
        try db.execute(sql: "DELETE FROM message WHERE id = ?", arguments: [id])
      }
      return isAnyThere
    }
  }

  package func localFiles(of mailbox: Int64) async throws -> [LocalFile] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM local_file WHERE mailbox = ?", arguments: [mailbox])
        .compactMap(LocalFile.init(row:))
    }
  }

  /// Replaces what is known of a folder's files without a row by what a complete scan found. A file that has become a
  /// message's own since the scan met it is left out.
  package func setLocalFiles(_ files: [LocalFile], of mailbox: Int64) async throws {
    try await write { db in
      let known = try Row.fetchAll(db, sql: "SELECT * FROM local_file WHERE mailbox = ?", arguments: [mailbox])
        .compactMap(LocalFile.init(row:))
      guard !known.isEmpty || !files.isEmpty else { return }
      try db.execute(sql: "DELETE FROM local_file WHERE mailbox = ?", arguments: [mailbox])
      let before = Dictionary(known.map { ($0.stamp.inode, $0) }, uniquingKeysWith: { first, _ in first })
      try Self.insert(files, of: mailbox, before: before, db)
      try Self.dropEmptyHolds(db)
      try Self.countLocalFiles(of: mailbox, db)
    }
  }

  /// Adds files without a row to what is known of a folder.
  package func addLocalFiles(_ files: [LocalFile], of mailbox: Int64) async throws {
    try await write { db in
      try Self.insert(files, of: mailbox, before: [:], db)
      try Self.countLocalFiles(of: mailbox, db)
    }
  }

  /// - Parameter before: what was known of them, by inode.
  private static func insert(
    _ files: [LocalFile], of mailbox: Int64, before: [Int64: LocalFile], _ db: Database
  ) throws {
    // The plus keeps SQLite from going through the whole mailbox by another index.
    let owner = try db.cachedStatement(
      sql: "SELECT 1 FROM message WHERE base_name = ? AND +mailbox = ? AND inode = ? AND state = 1")
    let insert = try db.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO local_file (mailbox, base_name, file_name, in_cur, disk_size, device, inode,
          modified, changed, content_digest, header_digest, refused, approved, plain_content,
          plain_header, wire_size, body_digest, body_size, identity)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    for file in files {
      let name = Data(file.baseName)
      if try Bool.fetchOne(owner, arguments: [name, mailbox, file.stamp.inode]) != nil { continue }
      // What the server or the person has said of a file counts for as long as its content is the same.
      let same = before[file.stamp.inode].flatMap { $0.digests == file.digests ? $0 : nil }
      try insert.execute(arguments: [
        mailbox, name, Data(file.fileName), file.isInCur, file.stamp.size, file.stamp.device,
        file.stamp.inode, file.stamp.modified, file.stamp.changed, Data(file.digests.content.bytes),
        Data(file.digests.header.bytes), same?.refused, same?.isApproved ?? false,
        Data(file.plain.content.bytes), Data(file.plain.header.bytes), file.traits?.wireSize,
        file.traits.map { Data($0.body.bytes) }, file.traits?.bodyWireSize, file.traits?.identity,
      ])
    }
  }

  /// Files that have another content and another name now.
  package func replaceLocalFiles(_ files: [(old: LocalFile, new: LocalFile)]) async throws {
    guard !files.isEmpty else { return }
    try await write { db in
      for (old, new) in files {
        try db.execute(
          sql: """
            UPDATE OR REPLACE local_file SET base_name = ?, file_name = ?, inode = ?, disk_size = ?, device = ?, modified = ?, changed = ?, content_digest = ?,
              header_digest = ?, plain_content = ?, plain_header = ?
            WHERE mailbox = ? AND base_name = ? AND inode = ?
            """,
          arguments: [
            Data(new.baseName), Data(new.fileName), new.stamp.inode, new.stamp.size, new.stamp.device,
            new.stamp.modified, new.stamp.changed,
            Data(new.digests.content.bytes), Data(new.digests.header.bytes), Data(new.plain.content.bytes),
            Data(new.plain.header.bytes), old.mailbox, Data(old.baseName), old.stamp.inode,
          ])
      }
    }
  }

  static func countLocalFiles(of mailbox: Int64, _ db: Database) throws {
    try db.execute(
      sql: "UPDATE mailbox SET local_new = (SELECT count(*) FROM local_file WHERE mailbox = ?1) WHERE id = ?1",
      arguments: [mailbox])
  }
}

/// A file that a scan found for a row.
package struct SeenFile: Sendable {
  package var message: Int64
  package var fileName: [UInt8]
  package var isInCur: Bool
  package var stamp: FileStamp
  package var pending: PendingChanges

  package init(message: Int64, fileName: [UInt8], isInCur: Bool, stamp: FileStamp, pending: PendingChanges) {
    self.message = message
    self.fileName = fileName
    self.isInCur = isInCur
    self.stamp = stamp
    self.pending = pending
  }
}
