import Foundation
import GRDB
import MailModel

extension AccountState {
  /// The UIDs of the mailbox's rows that the server was last known to have, as ranges; or, with `isRemote` false, of
  /// those whose file stays although the server no longer has the message.
  /// - Parameter among: only these are looked for; nil for all.
  package func uids(of mailbox: Int64, isRemote: Bool = true, among: UIDSet? = nil) async throws -> UIDSet {
    guard among?.isEmpty != true else { return UIDSet() }
    return try await read { db in
      let statement = try db.cachedStatement(
        sql: "SELECT uid FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ? AND remote = ? ORDER BY uid")
      var ranges: [ClosedRange<UInt32>] = []
      for wanted in among?.ranges ?? [1...UInt32.max] {
        let rows = try UInt32.fetchCursor(
          statement, arguments: [mailbox, wanted.lowerBound, wanted.upperBound, isRemote])
        while let uid = try rows.next() {
          if let last = ranges.last, last.upperBound != .max, last.upperBound + 1 == uid {
            ranges[ranges.count - 1] = last.lowerBound...uid
          } else {
            ranges.append(uid...uid)
          }
        }
      }
      return UIDSet(ranges: ranges)
    }
  }

  package func messages(_ uids: [UID], of mailbox: Int64) async throws -> [UID: MessageRecord] {
    try await read { db in
      let statement = try db.cachedStatement(
        sql: "SELECT \(MessageRecord.columns) FROM message WHERE mailbox = ? AND uid = ?")
      var found: [UID: MessageRecord] = [:]
      for uid in uids {
        if let row = try Row.fetchOne(statement, arguments: [mailbox, uid.value]) {
          found[uid] = try MessageRecord(row: row)
        }
      }
      return found
    }
  }

  /// All rows of a base name in the account: a mail program may have moved the file.
  package func messages(baseNames: [[UInt8]]) async throws -> [[MessageRecord]] {
    try await read { db in
      let statement = try db.cachedStatement(
        sql: "SELECT \(MessageRecord.columns) FROM message WHERE base_name = ?")
      return try baseNames.map { name in
        try Row.fetchAll(statement, arguments: [Data(name)]).map(MessageRecord.init(row:))
      }
    }
  }

  /// Rows of the mailbox, a page at a time: those without a UID, then the others by their UIDs, so that a page is a
  /// range of an index. `after` is the last row seen; the last page is empty.
  package func page(of mailbox: Int64, after: MessageRecord?, limit: Int = 1_000) async throws -> [MessageRecord] {
    try await read { db in
      var page: [MessageRecord] = []
      if after?.uid == nil {
        page = try Row.fetchAll(
          db.cachedStatement(
            sql: """
              SELECT \(MessageRecord.columns) FROM message WHERE mailbox = ? AND uid IS NULL AND id > ? ORDER BY id LIMIT ?
              """), arguments: [mailbox, after?.id ?? 0, limit]
        ).map(MessageRecord.init(row:))
      }
      guard page.count < limit else { return page }
      return try page
        + Row.fetchAll(
          db.cachedStatement(
            sql: "SELECT \(MessageRecord.columns) FROM message WHERE mailbox = ? AND uid > ? ORDER BY uid LIMIT ?"),
          arguments: [mailbox, after?.uid?.value ?? 0, limit - page.count]
        ).map(MessageRecord.init(row:))
    }
  }

  /// The highest UID of the mailbox that is known, fetched or not.
  package func highestUID(of mailbox: Int64) async throws -> UID? {
    try await read { db in UID(try Self.highestUID(of: mailbox, db)) }
  }

  /// Zero where none is known.
  static func highestUID(of mailbox: Int64, _ db: Database) throws -> UInt32 {
    try UInt32.fetchOne(
      db,
      sql: """
        SELECT max((SELECT coalesce(max(uid), 0) FROM message WHERE mailbox = ?1),
          (SELECT coalesce(max(uid), 0) FROM unfetched WHERE mailbox = ?1))
        """, arguments: [mailbox]) ?? 0
  }

  package func highestMessageID() async throws -> Int64 {
    try await read { db in try Int64.fetchOne(db, sql: "SELECT max(id) FROM message") ?? 0 }
  }

  /// Rows between an intent and its end.
  package func unsettled(_ state: MessageState) async throws -> [MessageRecord] {
    try await read { db in
      try Row.fetchAll(
        db,
        // `state <> 1` stands there for its partial index: without it all rows are read at each start.
        sql: "SELECT \(MessageRecord.columns) FROM message WHERE state <> 1 AND state = ? ORDER BY id",
        arguments: [state.rawValue]
      ).map(MessageRecord.init(row:))
    }
  }

  /// Rows of the mailbox with this header digest that wait for a UID, for pairing one to one.
  package func unpaired(headerDigest: Digest, in mailbox: Int64) async throws -> [MessageRecord] {
    try await read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT \(MessageRecord.columns) FROM message
          WHERE mailbox = ? AND header_digest = ? AND uid IS NULL AND state = 1 ORDER BY id
          """)
      return try Row.fetchAll(statement, arguments: [mailbox, Data(headerDigest.bytes)]).map(MessageRecord.init(row:))
    }
  }

  /// The rows that wait for a UID and that the server was last known to have, by id.
  package func unpaired(in mailbox: Int64) async throws -> [Int64] {
    try await read { db in
      try Int64.fetchAll(
        db,
        sql: "SELECT id FROM message WHERE mailbox = ? AND uid IS NULL AND state = 1 AND remote = 1 ORDER BY id",
        arguments: [mailbox])
    }
  }

  package func messages(ids: [Int64]) async throws -> [MessageRecord] {
    try await read { db in
      let statement = try db.cachedStatement(sql: "SELECT \(MessageRecord.columns) FROM message WHERE id = ?")
      return try ids.compactMap { id in
        try Row.fetchOne(statement, arguments: [id]).map(MessageRecord.init(row:))
      }
    }
  }

  /// The lowest, a middle and the highest row that has a UID: enough to notice that UIDs name other messages now.
  package func samples(of mailbox: Int64) async throws -> [MessageRecord] {
    try await read { db in
      let condition = "mailbox = ? AND remote = 1 AND state = 1 AND uid IS NOT NULL AND internal_date IS NOT NULL"
      let ends = try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM (SELECT \(MessageRecord.columns) FROM message WHERE \(condition) ORDER BY uid LIMIT 1)
          UNION SELECT * FROM
            (SELECT \(MessageRecord.columns) FROM message WHERE \(condition) ORDER BY uid DESC LIMIT 2)
          """, arguments: [mailbox, mailbox])
      return try ends.map(MessageRecord.init(row:))
    }
  }

  /// Sets aside the UIDs of a mailbox whose UIDVALIDITY changed; the rows wait to be matched by content.
  package func forgetUIDs(of mailbox: Int64, validity: UIDValidity) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE message SET uid = NULL WHERE mailbox = ?", arguments: [mailbox])
      try db.execute(sql: "DELETE FROM unfetched WHERE mailbox = ?", arguments: [mailbox])
      try db.execute(
        sql: """
          UPDATE mailbox SET uid_validity = ?, uid_next = NULL, highest_modseq = NULL, message_count = NULL
          WHERE id = ?
          """, arguments: [validity.value, mailbox])
    }
  }

  /// Gives rows that were set aside their new UIDs.
  package func pair(_ pairs: [(message: Int64, uid: UID)]) async throws {
    guard !pairs.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: "UPDATE message SET uid = ?, remote = 1, departed = NULL WHERE id = ?")
      let fetched = try db.cachedStatement(
        sql: "DELETE FROM unfetched WHERE uid = ? AND mailbox = (SELECT mailbox FROM message WHERE id = ?)")
      for (message, uid) in pairs {
        try statement.execute(arguments: [uid.value, message])
        try fetched.execute(arguments: [uid.value, message])
      }
      try Self.releaseHeld(pairs.map(\.message), db)
    }
  }

  /// Confirmed flags, with the name that the file has now. Its content was not read for that: it keeps the inode and
  /// modification time that it was read with, so that an edit of the same size in between is still found.
  package func setFlags(_ changes: [FlagConfirmation]) async throws {
    guard !changes.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          UPDATE message SET flags = ?, keywords = ?, unlettered = ?, pending = (pending & ~2) | ?, file_name = ?, in_cur = ?,
            device = coalesce(device, ?), inode = coalesce(inode, ?), modified = coalesce(modified, ?),
            changed = coalesce(?, changed), touched = touched OR (pending & 1 AND missing_since IS NOT NULL)
          WHERE id = ?
          """)
      for change in changes {
        try History.noteFlags(change.flags, of: change.message, db)
        try statement.execute(arguments: [
          Int64(change.flags.system.rawValue), change.flags.keywordColumn, change.unlettered.joined(separator: "\n"),
          change.isPending ? PendingChanges.flags.rawValue : 0, Data(change.fileName), change.isInCur,
          change.stamp?.device, change.stamp?.inode, change.stamp?.modified, change.stamp?.changed, change.message,
        ])
      }
    }
  }

  /// Rows with keywords that have no letter in their file's name, at most `limit` of them.
  package func unlettered(in mailbox: Int64, limit: Int) async throws -> [MessageRecord] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT \(MessageRecord.columns) FROM message
          WHERE mailbox = ? AND unlettered <> '' AND state = 1 AND pending & 1 = 0 ORDER BY id DESC LIMIT ?
          """, arguments: [mailbox, limit]
      ).map(MessageRecord.init(row:))
    }
  }

  /// The rows of the mailbox that have a file, as far as the last scan knows.
  package func settledCount(of mailbox: Int64) async throws -> Int {
    try await read { db in
      try Int.fetchOne(db, sql: "SELECT files FROM mailbox WHERE id = ?", arguments: [mailbox]) ?? 0
    }
  }

  package func messageCount(of mailbox: Int64) async throws -> (remote: Int, unfetched: Int) {
    try await read { db in
      let remote =
        try Int.fetchOne(
          db,
          sql: """
            SELECT on_server + (SELECT count(*) FROM message INDEXED BY message_unsettled
              WHERE state <> 1 AND state = 0 AND mailbox = ?1 AND remote = 1 AND uid IS NOT NULL)
            FROM mailbox WHERE id = ?1
            """, arguments: [mailbox]) ?? 0
      let unfetched =
        try Int.fetchOne(db, sql: "SELECT count(*) FROM unfetched WHERE mailbox = ?", arguments: [mailbox]) ?? 0
      return (remote, unfetched)
    }
  }
}

/// A message's flags as the server has confirmed them.
package struct FlagConfirmation: Sendable {
  package var message: Int64
  package var flags: FlagSet
  /// Keywords of `flags` that the file's name has no letter for.
  package var unlettered: [String]
  package var isPending: Bool
  package var fileName: [UInt8]
  package var isInCur: Bool
  package var stamp: FileStamp?

  package init(
    message: Int64, flags: FlagSet, unlettered: [String], isPending: Bool, fileName: [UInt8], isInCur: Bool,
    stamp: FileStamp?
  ) {
    self.message = message
    self.flags = flags
    self.unlettered = unlettered
    self.isPending = isPending
    self.fileName = fileName
    self.isInCur = isInCur
    self.stamp = stamp
  }
}
