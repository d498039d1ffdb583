import Foundation
import GRDB
import MailModel

/// What the server has confirmed of a push: only then does the last synced state move (DESIGN.md promise 4).
extension AccountState {
  /// Local files are messages on the server now: they get their rows, and their intents are settled.
  package func confirmUploads(_ uploads: [ConfirmedUpload], now: Int64) async throws {
    guard !uploads.isEmpty else { return }
    let session = session
    try await write { db in
      for upload in uploads where try !Self.isTaken(upload.uid, in: upload.file.mailbox, db) {
        try Self.insert(upload, session: session, now: now, db)
      }
      for mailbox in Set(uploads.map(\.file.mailbox)) { try Self.countLocalFiles(of: mailbox, db) }
    }
  }

  private static func insert(_ upload: ConfirmedUpload, session: Int64, now: Int64, _ db: Database) throws {
    let file = upload.file
    try db.cachedStatement(
      sql: """
        INSERT INTO message (mailbox, uid, state, base_name, file_name, in_cur, flags, keywords, unlettered,
          content_digest, header_digest, disk_size, wire_size, rfc822_size, internal_date, internal_zone, session, device,
          inode, modified, changed, pending, unsendable, copy_of, added)
        VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      file.mailbox, upload.uid.value, Data(file.baseName), Data(file.fileName), file.isInCur,
      Int64(upload.flags.system.rawValue), upload.flags.keywordColumn, upload.unlettered.joined(separator: "\n"),
      Data(file.digests.content.bytes), Data(file.digests.header.bytes), file.stamp.size, upload.wireSize,
      upload.wireSize, upload.internalDate, upload.internalZone, session, file.stamp.device, file.stamp.inode,
      file.stamp.modified, file.stamp.changed, upload.pending.rawValue, upload.isUnsendable, upload.copyOf, now,
    ])
    let message = db.lastInsertedRowID
    if let intent = upload.intent { try drop(intent: intent, db) }
    try dropLocalFile(file, db)
    if let replaced = upload.replaces {
      // It keeps its UID and goes as an expunge; the file is the new row's.
      try db.execute(
        sql: """
          UPDATE message SET base_name = ?, pending = 1, missing_since = 0, leaving = 2, copy_of = NULL WHERE id = ?
          """, arguments: [Data("replaced by \(message)".utf8), replaced])
      try History.note(.replaced, of: message, cause: .folder, detail: HistoryDetail.editedHere, now: now, db)
    } else if let source = upload.copyOf {
      // On a server with labels a copy is the same message under another label (X-GM-EXT-1).
      try db.cachedStatement(
        sql: "UPDATE message SET gmail_id = (SELECT gmail_id FROM message WHERE id = ?) WHERE id = ?"
      ).execute(arguments: [source, message])
      try History.note(.copied, of: message, cause: .folder, now: now, db)
    } else {
      try History.note(.uploaded, of: message, cause: .folder, now: now, db)
    }
  }

  /// Whether a row has that UID: a round of the mailbox itself, which ran meanwhile on another connection, has met the
  /// message first, and made it the counterpart of the file (`adopt`).
  private static func isTaken(
    _ uid: UID, in mailbox: Int64, besides message: Int64 = -1, _ db: Database
  ) throws -> Bool {
    try Bool.fetchOne(
      db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM message WHERE mailbox = ? AND uid = ? AND id <> ?)"),
      arguments: [mailbox, uid.value, message]) ?? false
  }

  private static func drop(intent: Int64, _ db: Database) throws {
    try db.cachedStatement(sql: "DELETE FROM intent WHERE id = ?").execute(arguments: [intent])
  }

  /// What an intent brought to the server, although its file is not where it was: a row whose file is missing.
  package func confirmArrival(
    of intent: ServerIntent, uid: UID, flags: FlagSet, internalDate: Int64?, internalZone: Int?, now: Int64
  ) async throws {
    let session = session
    try await write { db in
      try db.execute(sql: "DELETE FROM intent WHERE id = ?", arguments: [intent.id])
      guard try !Self.isTaken(uid, in: intent.mailbox, db) else { return }
      try db.execute(
        sql: """
          INSERT INTO message (mailbox, uid, state, base_name, file_name, in_cur, flags, keywords, unlettered,
            content_digest, header_digest, disk_size, wire_size, rfc822_size, internal_date, internal_zone, session,
            inode, pending, missing_since, added)
          VALUES (?, ?, 1, ?, ?, 0, ?, ?, '', ?, ?, 0, ?, ?, ?, ?, ?, 0, 1, ?, ?)
          """,
        arguments: [
          intent.mailbox, uid.value, Data(intent.file?.baseName ?? Array("none".utf8)),
          Data(intent.file?.baseName ?? Array("none".utf8)), Int64(flags.system.rawValue), flags.keywordColumn,
          Data(intent.digests.content.bytes), Data(intent.digests.header.bytes), intent.wireSize, intent.wireSize,
          internalDate, internalZone, session, now * 1_000_000_000, now,
        ])
    }
  }

  /// The folder is read in full the next time.
  package func forgetScan(of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE mailbox SET scan_began = 0 WHERE id = ?", arguments: [mailbox])
    }
  }

  /// Messages that were moved here are in the same place on the server now.
  /// With `leavesSource` they are also where they were, until they are expunged there.
  package func confirmMoves(
    _ moves: [ConfirmedMove], leavesSource: Bool, detail: String, now: Int64
  ) async throws {
    guard !moves.isEmpty else { return }
    let session = session
    try await write { db in
      for move in moves where try !Self.isTaken(move.uid, in: move.file.mailbox, besides: move.message, db) {
        let source =
          leavesSource
          ? try Row.fetchOne(db, sql: "SELECT mailbox, uid FROM message WHERE id = ?", arguments: [move.message]) : nil
        try Self.follow(move, session: session, db)
        if let source { try Self.keepSource(of: move.message, mailbox: source["mailbox"], uid: source["uid"], db) }
        if let intent = move.intent { try Self.drop(intent: intent, db) }
        try History.note(.moved, of: move.message, cause: .folder, detail: detail, now: now, db)
      }
      for mailbox in Set(moves.map(\.file.mailbox)) { try Self.countLocalFiles(of: mailbox, db) }
    }
  }

  /// Rows whose file a mail program gave another base name in the same folder.
  package func follow(_ moves: [ConfirmedMove]) async throws {
    guard !moves.isEmpty else { return }
    let session = session
    try await write { db in
      let file = try db.cachedStatement(
        sql: "SELECT 1 FROM local_file WHERE mailbox = ? AND base_name = ? AND inode = ?")
      for move in moves {
        let key: StatementArguments = [move.file.mailbox, Data(move.file.baseName), move.file.stamp.inode]
        guard try Bool.fetchOne(file, arguments: key) != nil else { continue }
        try Self.follow(move, session: session, db)
      }
      for mailbox in Set(moves.map(\.file.mailbox)) { try Self.countLocalFiles(of: mailbox, db) }
    }
  }

  private static func follow(_ move: ConfirmedMove, session: Int64, _ db: Database) throws {
    let file = move.file
    try db.cachedStatement(
      sql: """
        UPDATE message SET mailbox = ?, uid = ?, base_name = ?, file_name = ?, in_cur = ?, device = ?, inode = ?,
          modified = ?, changed = ?, disk_size = ?, content_digest = ?, pending = ?, unlettered = ?,
          missing_since = NULL, copy_of = NULL,
          leaving = 0, approved = 0, unsendable = 0, remote = 1, departed = NULL, session = ? WHERE id = ?
        """
    ).execute(arguments: [
      file.mailbox, move.uid.value, Data(file.baseName), Data(file.fileName), file.isInCur, file.stamp.device,
      file.stamp.inode, file.stamp.modified, file.stamp.changed, file.stamp.size,
      Data(file.digests.content.bytes), move.pending.rawValue,
      move.unlettered.joined(separator: "\n"), session, move.message,
    ])
    try dropLocalFile(file, db)
  }

  /// A row for the message at its old place, so that it is not taken for a new one.
  private static func keepSource(of message: Int64, mailbox: Int64, uid: Int64, _ db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO message (mailbox, uid, state, pending, missing_since, leaving, base_name, file_name, in_cur, flags,
          keywords, content_digest, header_digest, disk_size, rfc822_size, wire_size, internal_date, internal_zone,
          email_id, gmail_id, inode, session)
        SELECT ?, ?, 1, 1, 0, 1, ?, file_name, in_cur, flags, keywords, content_digest, header_digest, disk_size,
          rfc822_size, wire_size, internal_date, internal_zone, email_id, gmail_id, 0, session
        FROM message WHERE id = ?
        """, arguments: [mailbox, uid, Data("moved to \(message)".utf8), message])
  }

  /// Leaves `countLocalFiles` to the caller.
  static func dropLocalFile(_ file: LocalFile, _ db: Database) throws {
    try db.cachedStatement(sql: "DELETE FROM local_file WHERE mailbox = ? AND base_name = ? AND inode = ?")
      .execute(arguments: [file.mailbox, Data(file.baseName), file.stamp.inode])
  }

  /// The server has these flags now.
  package func confirmStored(_ stored: [StoredFlags], now: Int64) async throws {
    guard !stored.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          UPDATE message SET flags = ?, keywords = ?, unlettered = ?, pending = (pending & ~2) | ?, unsendable = ?,
            approved = 0 WHERE id = ?
          """)
      for item in stored {
        try statement.execute(arguments: [
          Int64(item.flags.system.rawValue), item.flags.keywordColumn, item.unlettered.joined(separator: "\n"),
          item.isUnsendable ? PendingChanges.flags.rawValue : 0, item.isUnsendable, item.message,
        ])
        guard item.isChanged else { continue }
        try History.note(.flagsChanged, of: item.message, cause: .folder, detail: "\(item.flags)", now: now, db)
      }
    }
  }

  /// Messages are gone from their mailbox on the server because of what was done in the folder: their rows go.
  package func confirmDeleted(_ endings: [MessageEnding], now: Int64) async throws {
    guard !endings.isEmpty else { return }
    try await write { db in
      for ending in endings {
        try ending.note(now: now, db)
        try db.execute(sql: "DELETE FROM message WHERE id = ?", arguments: [ending.message])
      }
    }
  }

  /// Their deletion on the server is decided and begins: whatever else is heard of them, it is carried through.
  package func setGoing(_ messages: [Int64]) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      for message in messages {
        try db.execute(sql: "UPDATE message SET approved = 1 WHERE id = ?", arguments: [message])
      }
    }
  }

  /// Why their copies on the server are to go, or how far that is.
  package func setLeaving(_ reason: LeavingReason, of messages: [Int64]) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      for message in messages {
        try db.execute(sql: "UPDATE message SET leaving = ? WHERE id = ?", arguments: [reason.rawValue, message])
      }
    }
  }

  /// The server will never take these files.
  package func refuse(_ files: [LocalFile], reason: String) async throws {
    guard !files.isEmpty else { return }
    try await write { db in
      for file in files {
        try db.execute(
          sql: "UPDATE local_file SET refused = ? WHERE mailbox = ? AND base_name = ? AND inode = ?",
          arguments: [reason, file.mailbox, Data(file.baseName), file.stamp.inode])
      }
    }
  }

  package func setUnsendable(_ messages: [Int64]) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      for message in messages {
        try db.execute(sql: "UPDATE message SET unsendable = 1 WHERE id = ?", arguments: [message])
      }
    }
  }

  package func setReadOnly(_ isReadOnly: Bool, of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE mailbox SET read_only = ? WHERE id = ?", arguments: [isReadOnly, mailbox])
    }
  }

  package func setSpecialUse(_ use: String?, of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE mailbox SET special_use = ? WHERE id = ?", arguments: [use, mailbox])
    }
  }

  /// Whether an earlier run's delivery is not resolved yet: its file may be anywhere, and be taken for a new one.
  package func hasUnresolvedDeliveries() async throws -> Bool {
    let session = session
    return try await read { db in
      try Bool.fetchOne(
        db,
        sql:
          "SELECT EXISTS (SELECT 1 FROM message WHERE state <> 1 AND state = 0 AND moved_from IS NULL AND session < ?)",
        arguments: [session]) ?? false
    }
  }
}
