import Foundation
import GRDB
import MailModel

/// What the folders have that the server does not: the input of a push.
extension AccountState {
  /// Rows whose file is missing although the server has the message, in the whole account.
  package func missing() async throws -> [MessageRecord] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT \(MessageRecord.columns) FROM message INDEXED BY message_pending
          WHERE pending <> 0 AND pending & 1 AND state = 1 AND remote = 1 AND uid IS NOT NULL AND departed IS NULL
            AND leaving <> 3 AND unsendable = 0 ORDER BY id
          """
      ).map(MessageRecord.init(row:))
    }
  }

  /// Rows of the mailbox with this local change, that can be sent and wait for nobody.
  package func pending(_ change: PendingChanges, in mailbox: Int64) async throws -> [MessageRecord] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT \(MessageRecord.columns) FROM message INDEXED BY message_pending
          WHERE mailbox = ? AND pending <> 0 AND pending & ? AND NOT pending & 1 AND state = 1 AND remote = 1
            AND uid IS NOT NULL AND departed IS NULL AND unsendable = 0
            AND id NOT IN (SELECT message FROM hold_message) ORDER BY id
          """, arguments: [mailbox, change.rawValue]
      ).map(MessageRecord.init(row:))
    }
  }

  /// Files of a mailbox without a row that may be sent and wait for nobody.
  package func strays(in mailbox: Int64) async throws -> [LocalFile] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM local_file WHERE mailbox = ? AND \(Self.sendableFile) ORDER BY base_name",
        arguments: [mailbox]
      ).compactMap(LocalFile.init(row:))
    }
  }

  /// Files without a row that have one of these contents, as they are or without what mail programs add, in the whole account, whether or not they may be sent.
  package func strays(contents: Set<Digest>) async throws -> [LocalFile] {
    guard !contents.isEmpty else { return [] }
    return try await read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT * FROM local_file WHERE content_digest = ?1
          UNION SELECT * FROM local_file WHERE plain_content = ?1 ORDER BY mailbox, base_name
          """)
      var found: [LocalFile] = []
      var seen: Set<ServerIntent.File> = []
      for digest in contents {
        for file in try Row.fetchAll(statement, arguments: [Data(digest.bytes)]).compactMap(LocalFile.init(row:))
        where seen.insert(.init(baseName: file.baseName, inode: file.stamp.inode)).inserted {
          found.append(file)
        }
      }
      return found
    }
  }

  /// Rows of one of these contents that both sides have, in the whole account.
  package func present(contents: Set<MessageDigests>) async throws -> [MessageRecord] {
    guard !contents.isEmpty else { return [] }
    return try await read { db in
      let mailboxes = try Int64.fetchAll(db, sql: "SELECT id FROM mailbox ORDER BY id")
      let statement = try db.cachedStatement(
        sql: """
          SELECT \(MessageRecord.columns) FROM message
          WHERE mailbox = ? AND header_digest = ? AND content_digest = ? AND state = 1 AND pending & 5 = 0
            AND remote = 1 AND uid IS NOT NULL AND departed IS NULL ORDER BY id
          """)
      return try contents.flatMap { digests in
        try mailboxes.flatMap { mailbox in
          try Row.fetchAll(
            statement, arguments: [mailbox, Data(digests.header.bytes), Data(digests.content.bytes)]
          ).map(MessageRecord.init(row:))
        }
      }
    }
  }

  /// Which of these rows have a local copy that became a message of its own and still stands on both sides.
  package func copied(_ messages: [Int64]) async throws -> Set<Int64> {
    guard !messages.isEmpty else { return [] }
    return try await read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT 1 FROM message
          WHERE copy_of = ? AND state = 1 AND pending & 1 = 0 AND remote = 1 AND uid IS NOT NULL
            AND departed IS NULL
          """)
      return Set(try messages.filter { try Bool.fetchOne(statement, arguments: [$0]) != nil })
    }
  }

  /// Whether the message's last fetched content waits in quarantine since it was deleted here.
  package func isQuarantined(_ message: Int64) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db,
        sql: """
          SELECT EXISTS (SELECT 1 FROM quarantined JOIN message ON message.id = ?
            JOIN mailbox ON mailbox.id = message.mailbox
            WHERE quarantined.mailbox = mailbox.name AND quarantined.uid = message.uid
              AND quarantined.content_digest = message.content_digest)
          """, arguments: [message]) ?? false
    }
  }

  /// Notes a message that was fetched into quarantine before its expunge.
  package func noteQuarantined(
    _ message: Int64, entry: String, digest: Digest, reason: String, now: Int64
  ) async throws {
    try await write { db in
      try db.execute(
        sql: """
          INSERT OR IGNORE INTO quarantined (mailbox, folder, uid, entry, file_name, content_digest, reason, at, flags,
            keywords, internal_date)
          SELECT mailbox.name, mailbox.folder, message.uid, ?, message.file_name, ?, ?, ?, message.flags,
            message.keywords, message.internal_date
          FROM message JOIN mailbox ON mailbox.id = message.mailbox WHERE message.id = ?
          """, arguments: [entry, Data(digest.bytes), reason, now, message])
    }
  }

  /// Whether the same message of a server with labels (X-GM-EXT-1) is in another folder still: there, but in All Mail,
  /// which has every message.
  package func hasOtherLabel(_ message: Int64) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db,
        sql: """
          SELECT EXISTS (SELECT 1 FROM message AS it JOIN message AS other
              ON other.gmail_id = it.gmail_id AND other.id <> it.id AND other.mailbox <> it.mailbox
            JOIN mailbox ON mailbox.id = other.mailbox
            WHERE it.id = ? AND it.gmail_id IS NOT NULL AND other.gmail_id IS NOT NULL AND other.state = 1 AND other.remote = 1
              AND other.pending & 1 = 0 AND other.departed IS NULL AND other.uid IS NOT NULL
              AND lower(coalesce(mailbox.special_use, '')) NOT IN ('\\all', '\\trash', '\\junk'))
          """, arguments: [message]) ?? false
    }
  }

  /// Rows that a hold lists.
  package func heldMessages() async throws -> Set<Int64> {
    try await read { db in Set(try Int64.fetchAll(db, sql: "SELECT message FROM hold_message")) }
  }

  /// Files that a hold lists, by their keys.
  package func heldFiles() async throws -> Set<ServerIntent.File> {
    try await read { db in
      Set(
        try Row.fetchAll(db, sql: "SELECT base_name, inode FROM hold_file").map { row in
          ServerIntent.File(baseName: Array(row["base_name"] as Data), inode: row["inode"])
        })
    }
  }

  /// Whether a mailbox has local changes that a push may send.
  package func needsPush(_ mailbox: Int64) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db,
        sql: """
          SELECT EXISTS (SELECT 1 FROM message INDEXED BY message_pending
              WHERE mailbox = ?1 AND pending <> 0 AND state = 1 AND remote = 1 AND uid IS NOT NULL
                AND leaving <> 3 AND departed IS NULL AND unsendable = 0
                AND id NOT IN (SELECT message FROM hold_message))
            OR EXISTS (SELECT 1 FROM local_file WHERE mailbox = ?1 AND \(Self.sendableFile))
            OR EXISTS (SELECT 1 FROM intent WHERE mailbox = ?1)
          """, arguments: [mailbox]) ?? false
    }
  }

  /// Which of these base names are those of messages whose files are there.
  package func known(_ baseNames: Set<[UInt8]>, in mailbox: Int64) async throws -> Set<[UInt8]> {
    guard !baseNames.isEmpty else { return [] }
    return try await read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT EXISTS (SELECT 1 FROM message
            WHERE mailbox = ? AND base_name = ? AND state = 1 AND pending & 1 = 0)
          """)
      return try baseNames.filter { name in
        try Bool.fetchOne(statement, arguments: [mailbox, Data(name)]) ?? false
      }
    }
  }

  /// When the next file that is missing counts as deleted unless it turns up, in nanoseconds since 1970; nil where
  /// nothing is watched since `scanBegan` or later.
  package func nextSettled(settle: Int64, after scanBegan: Int64) async throws -> Int64? {
    try await read { db in
      try Int64.fetchOne(
        db,
        sql: """
          SELECT min(missing_since + ?1) FROM message INDEXED BY message_pending
          WHERE pending <> 0 AND pending & 1 AND state = 1 AND remote = 1 AND uid IS NOT NULL AND departed IS NULL
            AND leaving = 0 AND missing_since IS NOT NULL AND missing_since + ?1 > ?2
            AND id NOT IN (SELECT message FROM hold_message)
          """, arguments: [settle, scanBegan])
    }
  }

  private static let sendableFile = """
    refused IS NULL AND NOT EXISTS (SELECT 1 FROM hold_file
      WHERE hold_file.mailbox = local_file.mailbox AND hold_file.base_name = local_file.base_name
        AND hold_file.inode = local_file.inode)
    """

  // MARK: What a push has confirmed

  /// A local file is a message on the server now: it gets its row, and its intent is settled.
  package func confirmUpload(_ upload: ConfirmedUpload, now: Int64) async throws {
    let session = session
    try await write { db in
      let file = upload.file
      try db.execute(
        sql: """
          INSERT INTO message (mailbox, uid, state, base_name, file_name, in_cur, flags, keywords, unlettered,
            content_digest, header_digest, disk_size, wire_size, rfc822_size, internal_date, internal_zone, session, device, inode,
            modified, changed, pending, unsendable, copy_of, added)
          VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          file.mailbox, upload.uid.value, Data(file.baseName), Data(file.fileName), file.isInCur,
          Int64(upload.flags.system.rawValue), upload.flags.keywordColumn, upload.unlettered.joined(separator: "\n"),
          Data(file.digests.content.bytes), Data(file.digests.header.bytes), file.stamp.size, upload.wireSize,
          upload.wireSize, upload.internalDate, upload.internalZone, session, file.stamp.device, file.stamp.inode,
          file.stamp.modified,
          file.stamp.changed, upload.pending.rawValue, upload.isUnsendable, upload.copyOf, now,
        ])
      let message = db.lastInsertedRowID
      if let intent = upload.intent { try db.execute(sql: "DELETE FROM intent WHERE id = ?", arguments: [intent]) }
      try Self.dropLocalFile(file, db)
      if let replaced = upload.replaces {
        // It keeps its UID and goes as an expunge; the file is the new row's.
        try db.execute(
          sql: """
            UPDATE message SET base_name = ?, pending = 1, missing_since = 0, leaving = 2, copy_of = NULL WHERE id = ?
            """, arguments: [Data("replaced by \(message)".utf8), replaced])
        try History.note(.replaced, of: message, cause: .folder, detail: "edited here", now: now, db)
      } else if upload.copyOf != nil {
        try History.note(.copied, of: message, cause: .folder, now: now, db)
      } else {
        try History.note(.uploaded, of: message, cause: .folder, now: now, db)
      }
    }
  }

  /// What an intent brought to the server, although its file is not where it was: a row whose file is missing.
  package func confirmArrival(
    of intent: ServerIntent, uid: UID, flags: FlagSet, internalDate: Int64?, internalZone: Int?, now: Int64
  ) async throws {
    let session = session
    try await write { db in
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
      try db.execute(sql: "DELETE FROM intent WHERE id = ?", arguments: [intent.id])
    }
  }

  /// The folder is read in full the next time.
  package func forgetScan(of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE mailbox SET scan_began = 0 WHERE id = ?", arguments: [mailbox])
    }
  }

  /// A message that was moved here is in the same place on the server now.
  /// With `leavesSource` the message is also where it was, until it is expunged there.
  package func confirmMove(
    _ move: ConfirmedMove, leavesSource: Bool, detail: String, now: Int64
  ) async throws {
    let session = session
    try await write { db in
      let source =
        leavesSource
        ? try Row.fetchOne(db, sql: "SELECT mailbox, uid FROM message WHERE id = ?", arguments: [move.message]) : nil
      try Self.follow(move, session: session, db)
      if let source { try Self.keepSource(of: move.message, mailbox: source["mailbox"], uid: source["uid"], db) }
      if let intent = move.intent { try db.execute(sql: "DELETE FROM intent WHERE id = ?", arguments: [intent]) }
      try History.note(.moved, of: move.message, cause: .folder, detail: detail, now: now, db)
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
    }
  }

  private static func follow(_ move: ConfirmedMove, session: Int64, _ db: Database) throws {
    let file = move.file
    try db.execute(
      sql: """
        UPDATE message SET mailbox = ?, uid = ?, base_name = ?, file_name = ?, in_cur = ?, device = ?, inode = ?,
          modified = ?, changed = ?, disk_size = ?, content_digest = ?, pending = ?, unlettered = ?,
          missing_since = NULL, copy_of = NULL,
          leaving = 0, approved = 0, unsendable = 0, remote = 1, departed = NULL, session = ? WHERE id = ?
        """,
      arguments: [
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

  static func dropLocalFile(_ file: LocalFile, _ db: Database) throws {
    try db.execute(
      sql: "DELETE FROM local_file WHERE mailbox = ? AND base_name = ? AND inode = ?",
      arguments: [file.mailbox, Data(file.baseName), file.stamp.inode])
    try countLocalFiles(of: file.mailbox, db)
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

  /// Messages that were deleted here are gone from their mailbox on the server: their rows go.
  package func confirmDeleted(_ messages: [Int64], detail: String, cause: HistoryCause, now: Int64) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      for message in messages {
        try History.note(.deleted, of: message, cause: cause, detail: detail, now: now, db)
        try db.execute(sql: "DELETE FROM message WHERE id = ?", arguments: [message])
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

  /// Gives up rows of files whose message the server has no more: the files are new ones from the next scan on.
  package func release(_ messages: [Int64]) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      let scan = try db.cachedStatement(
        sql: "UPDATE mailbox SET scan_began = 0 WHERE id = (SELECT mailbox FROM message WHERE id = ?)")
      let delete = try db.cachedStatement(sql: "DELETE FROM message WHERE id = ?")
      for message in messages {
        try scan.execute(arguments: [message])
        try delete.execute(arguments: [message])
      }
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

  // MARK: The direction

  /// That of the last run; nil before the first.
  package func isTwoWay() async throws -> Bool? {
    try await read { db in
      try String.fetchOne(db, sql: "SELECT direction FROM account").map { $0 == "two-way" }
    }
  }

  package func setDirection(isTwoWay: Bool) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE account SET direction = ?", arguments: [isTwoWay ? "two-way" : "pull"])
    }
  }

  /// Puts all local changes under a hold, one for each mailbox: they were made while nothing was sent. Returns how many
  /// there are.
  package func holdAllPending(reason: String, now: Int64) async throws -> Int {
    try await write { db in
      var count = 0
      for mailbox in try Int64.fetchAll(db, sql: "SELECT id FROM mailbox ORDER BY id") {
        let messages = try Int64.fetchAll(
          db, sql: "SELECT id FROM message WHERE mailbox = ? AND pending <> 0 AND state = 1 AND remote = 1",
          arguments: [mailbox])
        let files = try Row.fetchAll(
          db, sql: "SELECT base_name, inode FROM local_file WHERE mailbox = ? AND refused IS NULL", arguments: [mailbox]
        )
        guard !messages.isEmpty || !files.isEmpty else { continue }
        count += messages.count + files.count
        try db.execute(
          sql: "INSERT OR IGNORE INTO hold (mailbox, kind, reason, since) VALUES (?, 'pull', ?, ?)",
          arguments: [mailbox, reason, now])
        let hold = try Int64.fetchOne(
          db, sql: "SELECT id FROM hold WHERE mailbox = ? AND kind = 'pull'", arguments: [mailbox])
        for message in messages {
          try db.execute(
            sql: "INSERT OR IGNORE INTO hold_message (hold, message) VALUES (?, ?)", arguments: [hold, message])
        }
        for file in files {
          let (name, inode): (Data, Int64) = (file["base_name"], file["inode"])
          try db.execute(
            sql: "INSERT OR IGNORE INTO hold_file (hold, mailbox, base_name, inode) VALUES (?, ?, ?, ?)",
            arguments: [hold, mailbox, name, inode])
        }
      }
      return count
    }
  }

  // MARK: What the guards count

  /// Changes of this kind in the window of 24 hours: in this folder with its size when the window began, and in the
  /// account.
  package func recent(
    _ kind: GuardedKind, of mailbox: Int64, now: Int64
  ) async throws -> (folder: Int, sizeAtStart: Int?, account: Int) {
    try await read { db in
      let since = now - 86_400
      let row = try Row.fetchOne(
        db, sql: "SELECT sum(messages) AS n FROM removal WHERE kind = ? AND mailbox = ? AND at > ?",
        arguments: [kind.rawValue, mailbox, since])
      let size = try Int.fetchOne(
        db, sql: "SELECT folder_size FROM removal WHERE kind = ? AND mailbox = ? AND at > ? ORDER BY at, rowid LIMIT 1",
        arguments: [kind.rawValue, mailbox, since])
      let account = try Int.fetchOne(
        db, sql: "SELECT sum(messages) FROM removal WHERE kind = ? AND at > ?", arguments: [kind.rawValue, since])
      return (row?["n"] ?? 0, size, account ?? 0)
    }
  }

  /// Counts changes that were carried out.
  package func count(_ kind: GuardedKind, _ messages: Int, in mailbox: Int64, folderSize: Int, now: Int64) async throws
  {
    guard messages > 0 else { return }
    try await write { db in
      try db.execute(
        sql: "INSERT INTO removal (mailbox, at, messages, folder_size, kind) VALUES (?, ?, ?, ?, ?)",
        arguments: [mailbox, now, messages, folderSize, kind.rawValue])
      try db.execute(sql: "DELETE FROM removal WHERE at < ?", arguments: [now - 2 * 86_400])
    }
  }
}

/// What the guards count apart (DESIGN.md section 5).
package enum GuardedKind: Int, Sendable {
  case removalsHere, deletionsOnServer, flagsCleared, uploads
}

/// A local file that is a message on the server now.
package struct ConfirmedUpload: Sendable {
  package var intent: Int64?
  package var file: LocalFile
  package var uid: UID
  /// Those that the server has.
  package var flags: FlagSet
  package var unlettered: [String]
  package var pending: PendingChanges
  package var isUnsendable: Bool
  package var wireSize: Int64
  package var internalDate: Int64?
  package var internalZone: Int?
  package var copyOf: Int64?
  package var replaces: Int64?

  package init(
    intent: Int64?, file: LocalFile, uid: UID, flags: FlagSet, unlettered: [String] = [],
    pending: PendingChanges = [], isUnsendable: Bool = false, wireSize: Int64, internalDate: Int64?,
    internalZone: Int?, copyOf: Int64? = nil, replaces: Int64? = nil
  ) {
    self.intent = intent
    self.file = file
    self.uid = uid
    self.flags = flags
    self.unlettered = unlettered
    self.pending = pending
    self.isUnsendable = isUnsendable
    self.wireSize = wireSize
    self.internalDate = internalDate
    self.internalZone = internalZone
    self.copyOf = copyOf
    self.replaces = replaces
  }
}

/// A row that follows its file.
package struct ConfirmedMove: Sendable {
  package var intent: Int64?
  package var message: Int64
  package var file: LocalFile
  /// In the mailbox of `file`.
  package var uid: UID
  package var pending: PendingChanges
  package var unlettered: [String]

  package init(
    intent: Int64?, message: Int64, file: LocalFile, uid: UID, pending: PendingChanges, unlettered: [String]
  ) {
    self.intent = intent
    self.message = message
    self.file = file
    self.uid = uid
    self.pending = pending
    self.unlettered = unlettered
  }
}

/// Flags that the server has taken from us.
package struct StoredFlags: Sendable {
  package var message: Int64
  package var flags: FlagSet
  package var unlettered: [String]
  /// Some of the local change can't be stored there.
  package var isUnsendable: Bool
  package var isChanged: Bool

  package init(message: Int64, flags: FlagSet, unlettered: [String], isUnsendable: Bool, isChanged: Bool) {
    self.message = message
    self.flags = flags
    self.unlettered = unlettered
    self.isUnsendable = isUnsendable
    self.isChanged = isChanged
  }
}
