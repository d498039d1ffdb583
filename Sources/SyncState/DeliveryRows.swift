import Foundation
import GRDB
import MailModel

/// Delivery intents: durable before the rename, settled after the directory's fsync (DESIGN.md section 5).
extension AccountState {
  /// Commits the intents of a group; returns the new rows' ids in the same order.
  package func intend(_ intents: [DeliveryIntent]) async throws -> [Int64] {
    let session = self.session
    return try await write { db in
      let insert = try db.cachedStatement(
        sql: """
          INSERT INTO message (mailbox, uid, state, base_name, file_name, in_cur, flags, keywords, unlettered,
            content_digest, header_digest, disk_size, rfc822_size, wire_size, line_ends, internal_date,
            internal_zone, email_id, gmail_id, session, added)
          VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, unixepoch())
          """)
      let hasUnfetched = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM unfetched WHERE mailbox = ?)")
      let troubled = try Set(intents.map(\.mailbox)).filter {
        try Bool.fetchOne(hasUnfetched, arguments: [$0]) ?? false
      }
      let forget = try db.cachedStatement(sql: "DELETE FROM unfetched WHERE mailbox = ? AND uid = ?")
      return try intents.map { intent in
        try insert.execute(arguments: [
          intent.mailbox, intent.uid.value, Data(intent.baseName), Data(intent.fileName), intent.isInCur,
          Int64(intent.flags.system.rawValue), intent.flags.keywordColumn, intent.unlettered.joined(separator: "\n"),
          Data(intent.digests.content.bytes),
          Data(intent.digests.header.bytes), intent.diskSize, intent.rfc822Size, intent.wireSize,
          intent.lineEnds.map { Data($0) }, intent.internalDate, intent.internalZone, intent.emailID,
          intent.gmailID.map { Int64(bitPattern: $0) }, session,
        ])
        let id = db.lastInsertedRowID
        if troubled.contains(intent.mailbox) {
          try forget.execute(arguments: [intent.mailbox, intent.uid.value])
        }
        return id
      }
    }
  }

  /// Settles deliveries whose files are durably in their folders.
  package func settle(_ settled: [SettledDelivery]) async throws {
    guard !settled.isEmpty else { return }
    try await write { db in
      // Nearly every file is where its intent said: then no index of names is touched. An error ends the transaction:
      // OR FAIL saves the copies of pages that SQLite makes so as to undo a statement alone.
      let asIntended = try db.cachedStatement(
        sql: """
          UPDATE OR FAIL message SET state = 1, device = ?, inode = ?, modified = ?, changed = ?, moved_from = NULL
          WHERE id = ? AND file_name = ? AND base_name = ? AND in_cur = ? AND pending = ?
          """)
      let otherwise = try db.cachedStatement(
        sql: """
          UPDATE message SET state = 1, device = ?, inode = ?, modified = ?, changed = ?, moved_from = NULL,
            file_name = ?6, base_name = ?7, in_cur = ?8, pending = ?9 WHERE id = ?5
          """)
      for delivery in settled {
        let arguments: StatementArguments = [
          delivery.stamp.device, delivery.stamp.inode, delivery.stamp.modified, delivery.stamp.changed,
          delivery.message, Data(delivery.fileName), Data(delivery.baseName), delivery.isInCur,
          delivery.pending.rawValue,
        ]
        try asIntended.execute(arguments: arguments)
        if db.changesCount == 0 { try otherwise.execute(arguments: arguments) }
      }
    }
  }

  /// Drops rows whose delivery never happened, whose file a power cut took, or that are on neither side any more. The
  /// checkpoint of their mailboxes is void from then on, so that a later run fetches what the server still has, even if
  /// this one ends here. History tells it of those that had come.
  package func forget(_ endings: [MessageEnding]) async throws {
    guard !endings.isEmpty else { return }
    try await write { db in
      let void = try db.cachedStatement(
        sql: """
          UPDATE mailbox SET message_count = NULL, highest_modseq = NULL, uid_next = NULL
          WHERE id = (SELECT mailbox FROM message WHERE id = ?)
          """)
      let statement = try db.cachedStatement(sql: "DELETE FROM message WHERE id = ?")
      let hadCome = try db.cachedStatement(sql: "SELECT unixepoch() FROM message WHERE id = ? AND state = 1")
      for ending in endings {
        if let now = try Int64.fetchOne(hadCome, arguments: [ending.message]) { try ending.note(now: now, db) }
        try void.execute(arguments: [ending.message])
        try statement.execute(arguments: [ending.message])
      }
    }
  }

  /// The same for rows of one ending.
  package func forget(
    _ messages: [Int64], event: HistoryEvent? = nil, cause: HistoryCause = .sync, detail: String = ""
  ) async throws {
    try await forget(messages.map { MessageEnding($0, event, cause: cause, detail: detail) })
  }

  /// Files of the mailbox without a row that have this content, or have it without what programs add.
  package func localFiles(contentDigest: Digest, in mailbox: Int64) async throws -> [LocalFile] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM local_file WHERE mailbox = ?1 AND content_digest = ?2 AND \(Self.noIntent)
          UNION ALL SELECT * FROM local_file
            WHERE mailbox = ?1 AND plain_content = ?2 AND content_digest <> ?2 AND \(Self.noIntent)
          """, arguments: [mailbox, Data(contentDigest.bytes)]
      ).compactMap(LocalFile.init(row:))
    }
  }

  /// A file that no move under way on the server is about.
  static let noIntent = """
    NOT EXISTS (SELECT 1 FROM intent WHERE intent.kind = 'move' AND intent.uncertain = 0
      AND intent.mailbox = local_file.mailbox AND intent.base_name = local_file.base_name AND intent.inode = local_file.inode)
    """

  /// Makes files that were here without a row the counterparts of messages on the server: nothing is delivered. The
  /// row's header is the server's, its content the file's. Returns those that were there still; what an act on the
  /// server was to bring there has come.
  package func adopt(_ adoptions: [Adoption]) async throws -> UIDSet {
    guard !adoptions.isEmpty else { return UIDSet() }
    let session = self.session
    return try await write { db in
      let insert = try db.cachedStatement(
        sql: """
          INSERT INTO message (mailbox, uid, state, base_name, file_name, in_cur, flags, keywords, unlettered,
            content_digest, header_digest, disk_size, rfc822_size, wire_size, line_ends, internal_date,
            internal_zone, email_id, gmail_id, session, device, inode, modified, changed, pending, added)
          VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, unixepoch())
          """)
      let file = try db.cachedStatement(
        sql: "DELETE FROM local_file WHERE mailbox = ? AND base_name = ? AND inode = ? AND \(Self.noIntent)")
      let fetched = try db.cachedStatement(sql: "DELETE FROM unfetched WHERE mailbox = ? AND uid = ?")
      let brought = try db.cachedStatement(
        sql: "DELETE FROM intent WHERE mailbox = ? AND base_name = ? AND inode = ?")
      // What a move or copy whose answer was never heard has brought: should its source go, that is the rest of it.
      let copy = try db.cachedStatement(
        sql: """
          UPDATE message SET copy_of = (SELECT source FROM intent
            WHERE mailbox = ? AND base_name = ? AND inode = ? AND kind IN ('move', 'copy')) WHERE id = ?
          """)
      var adopted = UIDSet()
      for item in adoptions {
        let (local, intent) = (item.file, item.intent)
        try file.execute(arguments: [local.mailbox, Data(local.baseName), local.stamp.inode])
        guard db.changesCount > 0 else { continue }
        try insert.execute(arguments: [
          intent.mailbox, intent.uid.value, Data(local.baseName), Data(local.fileName), local.isInCur,
          Int64(intent.flags.system.rawValue), intent.flags.keywordColumn, intent.unlettered.joined(separator: "\n"),
          Data(local.digests.content.bytes), Data(intent.digests.header.bytes), local.stamp.size, intent.rfc822Size,
          intent.wireSize, intent.lineEnds.map { Data($0) }, intent.internalDate, intent.internalZone, intent.emailID,
          intent.gmailID.map { Int64(bitPattern: $0) }, session, local.stamp.device, local.stamp.inode,
          local.stamp.modified, local.stamp.changed, item.pending.rawValue,
        ])
        try copy.execute(arguments: [
          local.mailbox, Data(local.baseName), local.stamp.inode, db.lastInsertedRowID,
        ])
        try fetched.execute(arguments: [intent.mailbox, intent.uid.value])
        try brought.execute(arguments: [local.mailbox, Data(local.baseName), local.stamp.inode])
        adopted.insert(intent.uid)
      }
      for mailbox in Set(adoptions.map(\.file.mailbox)) { try Self.countLocalFiles(of: mailbox, db) }
      try Self.dropEmptyHolds(db)
      return adopted
    }
  }

  package func hasLocalFiles(in mailbox: Int64) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM local_file WHERE mailbox = ?)", arguments: [mailbox])
        ?? false
    }
  }

  // MARK: Messages that could not be fetched

  package func unfetched(in mailbox: Int64) async throws -> [(uid: UID, reason: String, attempts: Int)] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT uid, reason, attempts FROM unfetched WHERE mailbox = ? ORDER BY uid", arguments: [mailbox]
      ).compactMap { row in
        let uid: UInt32 = row["uid"]
        return UID(uid).map { ($0, row["reason"], row["attempts"]) }
      }
    }
  }

  package func noteUnfetched(_ uids: UIDSet, in mailbox: Int64, reason: String, now: Int64) async throws {
    guard !uids.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          INSERT INTO unfetched (mailbox, uid, reason, since) VALUES (?, ?, ?, ?)
          ON CONFLICT (mailbox, uid) DO UPDATE SET reason = excluded.reason, attempts = attempts + 1
          """)
      for uid in uids { try statement.execute(arguments: [mailbox, uid.value, reason, now]) }
    }
  }

  /// Forgets those that the server no longer has.
  package func dropUnfetched(_ uids: [UID], in mailbox: Int64) async throws {
    guard !uids.isEmpty else { return }
    try await write { db in
      for uid in uids {
        try db.execute(sql: "DELETE FROM unfetched WHERE mailbox = ? AND uid = ?", arguments: [mailbox, uid.value])
      }
    }
  }
}

/// A file without a row that is the counterpart of a message on the server.
package struct Adoption: Sendable {
  package var file: LocalFile
  package var intent: DeliveryIntent
  package var pending: PendingChanges

  package init(file: LocalFile, intent: DeliveryIntent, pending: PendingChanges) {
    self.file = file
    self.intent = intent
    self.pending = pending
  }
}

/// A delivery whose file is durably in its folder.
package struct SettledDelivery: Sendable {
  package var message: Int64
  package var baseName: [UInt8]
  package var fileName: [UInt8]
  package var isInCur: Bool
  package var stamp: FileStamp
  package var pending: PendingChanges

  package init(
    message: Int64, baseName: [UInt8], fileName: [UInt8], isInCur: Bool, stamp: FileStamp,
    pending: PendingChanges = []
  ) {
    self.message = message
    self.baseName = baseName
    self.fileName = fileName
    self.isInCur = isInCur
    self.stamp = stamp
    self.pending = pending
  }
}

extension LocalFile {
  init?(row: Row) {
    guard let content = Digest(row["content_digest"] as Data), let header = Digest(row["header_digest"] as Data) else {
      return nil
    }
    self.init(
      mailbox: row["mailbox"], baseName: Array(row["base_name"] as Data), fileName: Array(row["file_name"] as Data),
      isInCur: row["in_cur"],
      stamp: FileStamp(
        device: row["device"], inode: row["inode"], size: row["disk_size"], modified: row["modified"],
        changed: row["changed"]), digests: MessageDigests(content: content, header: header),
      plain: MessageDigests(
        content: (row["plain_content"] as Data?).flatMap { Digest($0) } ?? content,
        header: (row["plain_header"] as Data?).flatMap { Digest($0) } ?? header), refused: row["refused"],
      isApproved: row["approved"])
    if let size: Int64 = row["wire_size"], let body = (row["body_digest"] as Data?).flatMap({ Digest($0) }) {
      traits = MessageTraits(
        wireSize: size, body: body, bodyWireSize: row["body_size"] ?? 0, identity: row["identity"])
    }
  }
}
