import Foundation
import GRDB
import MailModel

/// Rows whose message has left its mailbox on the server, until it is known whether it is in another one (DESIGN.md
/// section 4, moves).
extension AccountState {
  /// Notes that a complete view of their mailbox lacks these messages; the first such view counts.
  package func setDeparted(_ messages: [Int64], at time: Int64) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: "UPDATE message SET remote = 0, departed = coalesce(departed, ?) WHERE id = ?")
      for message in messages { try statement.execute(arguments: [time, message]) }
    }
  }

  /// Whether a message that appears in a mailbox may be one that departed, held or not.
  package func hasDeparted() async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM message WHERE departed IS NOT NULL)") ?? false
    }
  }

  /// The departed rows that one of these messages may be, by what is known of it without its header. The message of a
  /// row that an open intent is about may be where that intent brings it.
  package func departed(like messages: [DepartureKey]) async throws -> [MessageRecord] {
    guard !messages.isEmpty else { return [] }
    return try await read { db in
      let condition = """
        departed IS NOT NULL AND state = 1 AND remote = 0
          AND id NOT IN (SELECT source FROM intent WHERE source IS NOT NULL)
        """
      let byDate = try db.cachedStatement(
        sql: """
          SELECT \(MessageRecord.columns) FROM message INDEXED BY message_departed
          WHERE internal_date = ? AND rfc822_size = ? AND \(condition) ORDER BY id
          """)
      let byEmail = try db.cachedStatement(
        sql: """
          SELECT \(MessageRecord.columns) FROM message INDEXED BY message_departed_email
          WHERE email_id = ? AND \(condition) ORDER BY id
          """)
      let byGmail = try db.cachedStatement(
        sql: """
          SELECT \(MessageRecord.columns) FROM message INDEXED BY message_gmail
          WHERE gmail_id = ? AND gmail_id IS NOT NULL AND \(condition) ORDER BY id
          """)
      var found: [Int64: MessageRecord] = [:]
      func add(_ statement: Statement, _ arguments: StatementArguments) throws {
        for row in try Row.fetchAll(statement, arguments: arguments) {
          let record = try MessageRecord(row: row)
          found[record.id] = record
        }
      }
      for key in messages {
        if let date = key.internalDate, let size = key.size { try add(byDate, [date, size]) }
        if let id = key.emailID { try add(byEmail, [id]) }
        if let id = key.gmailID { try add(byGmail, [Int64(bitPattern: id)]) }
      }
      return found.values.sorted { $0.id < $1.id }
    }
  }

  /// Departed rows of a mailbox that wait for nobody's word, and those whose removal a person has approved, in the
  /// order of their ids.
  /// - Parameters:
  ///   - before: departed before this time, or after `now` by a clock that was set back since.
  ///   - now: the time now; both in nanoseconds since 1970.
  package func departures(of mailbox: Int64, before: Int64, now: Int64) async throws -> [Int64] {
    try await read { db in
      try Int64.fetchAll(
        db,
        sql: """
          SELECT id FROM message INDEXED BY message_departed
          WHERE departed IS NOT NULL AND (departed < ?2 OR departed > ?3) AND \(Self.isRemovable)
          UNION \(Self.approvedRemovals) ORDER BY id
          """, arguments: [mailbox, before, now])
    }
  }

  /// Those of them whose removal a person has approved.
  package func approvedRemovals(of mailbox: Int64) async throws -> [Int64] {
    try await read { db in
      try Int64.fetchAll(db, sql: "\(Self.approvedRemovals) ORDER BY id", arguments: [mailbox])
    }
  }

  private static let isRemovable = """
    mailbox = ?1 AND state = 1 AND remote = 0 AND id NOT IN (SELECT message FROM hold_message)
      AND id NOT IN (SELECT source FROM intent WHERE source IS NOT NULL)
    """
  private static let approvedRemovals =
    "SELECT id FROM message INDEXED BY message_approved WHERE approved = 1 AND \(isRemovable)"

  /// The mailboxes that have such rows, but those that only one listing has lacked so far, and those whose folder was
  /// removed here and waits for the person's word.
  package func mailboxesWithDepartures() async throws -> [MailboxRecord] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM mailbox WHERE unlisted <> 1 AND removal <> 1
            AND id IN (SELECT mailbox FROM message WHERE departed IS NOT NULL
              UNION SELECT mailbox FROM message WHERE remote = 0 AND approved = 1) ORDER BY folder
          """
      ).map(MailboxRecord.init(row:))
    }
  }

  /// Contents of rows whose files were moved here while their messages departed, or have no UID yet: their files wait
  /// until it is known where the server has them.
  package func departedContents() async throws -> Set<Digest> {
    try await read { db in
      let rows = try Data.fetchAll(
        db,
        sql: """
          SELECT content_digest FROM message INDEXED BY message_pending
          WHERE pending <> 0 AND pending & 1 AND state = 1 AND (departed IS NOT NULL OR uid IS NULL)
          """)
      return Set(rows.compactMap { Digest($0) })
    }
  }

  /// Which of these rows' messages are in another mailbox too, come there as the row departed or under the same
  /// identifier of the server: their removal is the rest of a move.
  package func haveMoved(_ messages: [Int64], since: Int64) async throws -> Set<Int64> {
    guard !messages.isEmpty else { return [] }
    return try await read { db in
      let mailboxes = try Row.fetchAll(db, sql: "SELECT id, lower(coalesce(special_use, '')) AS use FROM mailbox")
      let places = mailboxes.filter { !["\\trash", "\\junk"].contains($0["use"] as String) }.map { $0["id"] as Int64 }
      let condition = "other.state = 1 AND other.remote = 1 AND other.uid IS NOT NULL AND other.pending & 1 = 0"
      let byGmail = try db.cachedStatement(
        sql: """
          SELECT other.mailbox FROM message AS it JOIN message AS other ON other.gmail_id = it.gmail_id
          WHERE it.id = ? AND it.gmail_id IS NOT NULL AND other.gmail_id IS NOT NULL AND other.mailbox <> it.mailbox
            AND \(condition)
          """)
      let byContent = try db.cachedStatement(
        sql: """
          SELECT 1 FROM message AS it JOIN message AS other ON other.header_digest = it.header_digest
          WHERE it.id = ? AND other.mailbox = ? AND other.mailbox <> it.mailbox
            AND other.content_digest = it.content_digest AND other.added >= ? AND \(condition)
          """)
      return Set(
        try messages.filter { message in
          if try Int64.fetchAll(byGmail, arguments: [message]).contains(where: places.contains) { return true }
          return try places.contains { place in
            try Bool.fetchOne(byContent, arguments: [message, place, since]) != nil
          }
        })
    }
  }

  /// Whether a file or a row of the mailbox has this base name.
  package func isTaken(_ baseName: [UInt8], in mailbox: Int64) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db,
        sql: """
          SELECT EXISTS (SELECT 1 FROM message WHERE base_name = ?1 AND +mailbox = ?2)
            OR EXISTS (SELECT 1 FROM local_file WHERE base_name = ?1 AND mailbox = ?2)
          """, arguments: [Data(baseName), mailbox]) ?? false
    }
  }

  /// Gives departed rows another UID in their own mailbox; returns those that nobody else has taken meanwhile.
  package func takeBack(_ pairs: [(message: Int64, uid: UID)]) async throws -> Set<Int64> {
    guard !pairs.isEmpty else { return [] }
    return try await write { db in
      var taken: Set<Int64> = []
      for (message, uid) in pairs {
        try db.execute(
          sql: """
            UPDATE message SET uid = ?, remote = 1, departed = NULL
            WHERE id = ? AND state = 1 AND remote = 0 AND departed IS NOT NULL
            """, arguments: [uid.value, message])
        if db.changesCount > 0 { taken.insert(message) }
      }
      try Self.releaseHeld(Array(taken), db)
      return taken
    }
  }

  /// Nobody is to look for these messages elsewhere any more; their files stay.
  package func keepDeparted(_ messages: [Int64]) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      for message in messages {
        try db.execute(sql: "UPDATE message SET departed = NULL WHERE id = ? AND remote = 0", arguments: [message])
      }
    }
  }

  /// Drops departed rows whose files are gone as well, or are files of their own now.
  package func dropDeparted(_ endings: [MessageEnding], now: Int64) async throws {
    guard !endings.isEmpty else { return }
    try await write { db in
      let isDeparted = try db.cachedStatement(
        sql: "SELECT 1 FROM message WHERE id = ? AND state = 1 AND remote = 0")
      for ending in endings where try Bool.fetchOne(isDeparted, arguments: [ending.message]) != nil {
        try ending.note(now: now, db)
        try db.execute(sql: "DELETE FROM message WHERE id = ?", arguments: [ending.message])
      }
    }
  }

  /// Commits, before a file is renamed, that its row belongs to the place that the server gave its message. Returns the
  /// rows that no other mailbox's round has taken meanwhile.
  package func intendMoves(_ moves: [MoveOnServer]) async throws -> Set<Int64> {
    guard !moves.isEmpty else { return [] }
    return try await write { db in
      var taken: Set<Int64> = []
      let statement = try db.cachedStatement(
        sql: """
          UPDATE message SET state = 0, mailbox = ?, uid = ?, remote = 1, departed = NULL, moved_from = ?, base_name = ?,
            file_name = ?, in_cur = ?, inode = ?, unlettered = ?, approved = 0, unsendable = 0, touched = 0,
            missing_since = NULL, pending = pending & ~1
          WHERE id = ? AND state = 1 AND remote = 0 AND departed IS NOT NULL
          """)
      let fetched = try db.cachedStatement(sql: "DELETE FROM unfetched WHERE mailbox = ? AND uid = ?")
      for move in moves {
        try statement.execute(arguments: [
          move.destination, move.uid.value, move.source, Data(move.baseName), Data(move.fileName), move.isInCur,
          move.inode, move.unlettered.joined(separator: "\n"), move.message,
        ])
        guard db.changesCount > 0 else { continue }
        taken.insert(move.message)
        try fetched.execute(arguments: [move.destination, move.uid.value])
        guard let file = move.stray else { continue }
        try Self.dropLocalFile(file, db)
      }
      for mailbox in Set(moves.compactMap(\.stray?.mailbox)) { try Self.countLocalFiles(of: mailbox, db) }
      try Self.releaseHeld(Array(taken), db)
      return taken
    }
  }

  /// Settles renames that are durable.
  package func settleMoves(_ settled: [SettledDelivery], now: Int64) async throws {
    guard !settled.isEmpty else { return }
    try await write { db in
      let from = try db.cachedStatement(
        sql: "SELECT mailbox.name FROM message JOIN mailbox ON mailbox.id = message.moved_from WHERE message.id = ?")
      let statement = try db.cachedStatement(
        sql: """
          UPDATE message SET state = 1, file_name = ?, base_name = ?, in_cur = ?, device = ?, inode = ?, modified = ?,
            changed = ?, pending = ?, moved_from = NULL WHERE id = ?
          """)
      for move in settled {
        let source = try Data.fetchOne(from, arguments: [move.message]).map { MailboxName(wire: $0).description }
        try statement.execute(arguments: [
          Data(move.fileName), Data(move.baseName), move.isInCur, move.stamp.device, move.stamp.inode,
          move.stamp.modified, move.stamp.changed, move.pending.rawValue, move.message,
        ])
        try History.note(
          .moved, of: move.message, cause: .server, detail: source.map { "from \($0)" } ?? "", now: now, db)
      }
    }
  }

  /// Renames that did not happen: the rows are departed ones of the folder in which the file was, and what the server
  /// has is looked at again.
  package func revertMoves(_ messages: [Int64], at time: Int64) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      for message in messages {
        try db.execute(
          sql: """
            UPDATE mailbox SET message_count = NULL, highest_modseq = NULL, uid_next = NULL
            WHERE id = (SELECT mailbox FROM message WHERE id = ?)
            """, arguments: [message])
        try db.execute(
          sql: """
            UPDATE message SET state = 1, mailbox = moved_from, uid = NULL, remote = 0, departed = ?, moved_from = NULL
            WHERE id = ? AND moved_from IS NOT NULL
            """, arguments: [time, message])
        try db.execute(
          sql: "UPDATE mailbox SET scan_began = 0 WHERE id = (SELECT mailbox FROM message WHERE id = ?)",
          arguments: [message])
      }
    }
  }
}
