import Foundation
import GRDB
import MailModel

/// Drained messages whose files may not be where they were put.
extension AccountState {
  /// The rows of all that was drained and is on the server still, as far as is known: the next ones behind this one.
  package func drainedMessages(after id: Int64) async throws -> [MessageRecord] {
    try await messages(after: id, where: "drained.departure < 3")
  }

  /// Of these, those that are to stay on the server.
  package func keptMessages(after id: Int64) async throws -> [MessageRecord] {
    try await messages(
      after: id, where: "drained.departure = 0 AND drained.absent_listing IS NULL AND drained.removed_here = 0")
  }

  private func messages(after id: Int64, where condition: String) async throws -> [MessageRecord] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT \(MessageRecord.columns) FROM message WHERE id > ? AND state = 1 AND EXISTS (SELECT 1 FROM drained
            WHERE drained.mailbox = message.mailbox AND drained.id = message.uid AND \(condition)) ORDER BY id LIMIT 500
          """, arguments: [id]
      ).map(MessageRecord.init(row:))
    }
  }

  /// How many messages are listed, and here, of which it is not known whether the server has deleted them.
  package func uncertainDeletions() async throws -> Int {
    try await read { db in
      try Int.fetchOne(db, sql: "SELECT count(*) FROM drained WHERE departure = 2 AND absent_listing IS NULL") ?? 0
    }
  }

  /// When the file was first missed; nil where it is here. Nanoseconds since 1970.
  package func setMissingSince(_ since: Int64?, _ messages: [Int64]) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          UPDATE message SET missing_since = ?1, pending = CASE WHEN ?1 IS NULL THEN pending & ~1 ELSE pending | 1 END
          WHERE id = ?2
          """)
      for message in messages { try statement.execute(arguments: [since, message]) }
    }
  }

  /// These count as deleted by the person: the server's copies are to go.
  package func noteRemovedHere(_ messages: [Int64]) async throws {
    guard !messages.isEmpty else { return }
    try await write { db in
      let statement = try db.cachedStatement(
        sql: """
          UPDATE drained SET removed_here = 1
          WHERE (mailbox, id) = (SELECT mailbox, uid FROM message WHERE message.id = ?)
          """)
      for message in messages { try statement.execute(arguments: [message]) }
    }
  }

  /// When the next missing file counts as deleted unless it turns up, in nanoseconds since 1970; nil where none is
  /// watched that was not due by `time`.
  package func nextMissing(settle: Int64, after time: Int64) async throws -> Int64? {
    try await read { db in
      try Int64.fetchOne(
        db,
        sql: """
          SELECT min(missing_since + ?1) FROM message JOIN drained
            ON drained.mailbox = message.mailbox AND drained.id = message.uid
          WHERE state = 1 AND missing_since + ?1 > ?2 AND departure = 0 AND absent_listing IS NULL AND removed_here = 0
            AND message.id NOT IN (SELECT message FROM hold_message)
          """, arguments: [settle, time])
    }
  }
}
