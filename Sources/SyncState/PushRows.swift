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

  /// When the next file that is missing counts as deleted unless it turns up, in nanoseconds since 1970; nil where
  /// nothing is watched since `scanBegan` or later. Its message may have left its mailbox on the server as well; where
  /// nothing is sent, only such a message waits for that.
  package func nextSettled(settle: Int64, after scanBegan: Int64, sendsChanges: Bool) async throws -> Int64? {
    try await read { db in
      try Int64.fetchOne(
        db,
        sql: """
          SELECT min(missing_since + ?1) FROM message INDEXED BY message_pending
          WHERE pending <> 0 AND pending & 1 AND state = 1
            AND (departed IS NOT NULL OR ?3 AND remote = 1 AND uid IS NOT NULL) AND leaving = 0 AND missing_since IS NOT NULL AND missing_since + ?1 > ?2
            AND id NOT IN (SELECT message FROM hold_message)
          """, arguments: [settle, scanBegan, sendsChanges])
    }
  }

  /// The mailboxes in which a file that is missing counts as deleted since a complete scan that began then.
  package func mailboxesSettled(settle: Int64, in scans: Range<Int64>) async throws -> [Int64] {
    try await read { db in
      try Int64.fetchAll(
        db,
        sql: """
          SELECT DISTINCT mailbox FROM message INDEXED BY message_pending
          WHERE pending <> 0 AND pending & 1 AND state = 1 AND remote = 1 AND uid IS NOT NULL AND departed IS NULL
            AND leaving = 0 AND unsendable = 0 AND missing_since + ?1 > ?2 AND missing_since + ?1 <= ?3
            AND id NOT IN (SELECT message FROM hold_message)
          """, arguments: [settle, scans.lowerBound, scans.upperBound])
    }
  }

  private static let sendableFile = """
    refused IS NULL AND NOT EXISTS (SELECT 1 FROM hold_file
      WHERE hold_file.mailbox = local_file.mailbox AND hold_file.base_name = local_file.base_name
        AND hold_file.inode = local_file.inode)
    """
}
