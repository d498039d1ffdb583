import Foundation
import GRDB
import MailModel

/// Details by which lines of one event are told apart.
package enum HistoryDetail {
  /// Of `replaced`: this is the new version, and not the one whose place it took.
  package static let editedHere = "edited here"
}

/// What happened to a message.
package enum HistoryEvent: String, Sendable {
  case came, uploaded, copied, moved, replaced, deleted, quarantined, restored, held, approved, rejected, forgotten
  /// A hold's cause is gone.
  case released
  case flagsChanged = "flags changed"
  case refetched = "fetched again"
}

/// On whose word it happened.
package enum HistoryCause: String, Sendable {
  /// Somebody did it on the server.
  case server
  /// Somebody did it in the folder.
  case folder
  /// A command of the person's.
  case person
  /// Our own doing: a repair, a rebuilt state.
  case sync
}

/// Written in the transaction that does what it tells of.
enum History {
  /// Notes an event of a message that has a row.
  static func note(
    _ event: HistoryEvent, of message: Int64, cause: HistoryCause, detail: String = "", now: Int64, _ db: Database
  ) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO history (at, event, cause, mailbox, uid, base_name, content_digest, came, detail)
        SELECT ?, ?, ?, mailbox.name, message.uid, message.base_name, message.content_digest, message.added, ?
        FROM message JOIN mailbox ON mailbox.id = message.mailbox WHERE message.id = ?
        """
    ).execute(arguments: [now, event.rawValue, cause.rawValue, detail, message])
  }

  /// Notes that the server has other flags for a message than its row; nothing where they are the same.
  static func noteFlags(_ flags: FlagSet, of message: Int64, _ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO history (at, event, cause, mailbox, uid, base_name, content_digest, came, detail)
        SELECT unixepoch(), ?, ?, mailbox.name, message.uid, message.base_name, message.content_digest, message.added, ?
        FROM message JOIN mailbox ON mailbox.id = message.mailbox
        WHERE message.id = ? AND (message.flags <> ? OR message.keywords <> ?)
        """
    ).execute(arguments: [
      HistoryEvent.flagsChanged.rawValue, HistoryCause.server.rawValue, "\(flags)", message,
      Int64(flags.system.rawValue), flags.keywordColumn,
    ])
  }

  /// Notes an event of a mailbox, or of a file that has no row.
  static func note(
    _ event: HistoryEvent, mailbox: Int64, baseName: [UInt8]? = nil, content: Digest? = nil, cause: HistoryCause,
    detail: String = "", now: Int64, _ db: Database
  ) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO history (at, event, cause, mailbox, base_name, content_digest, detail)
        SELECT ?, ?, ?, name, ?, ?, ? FROM mailbox WHERE id = ?
        """
    ).execute(arguments: [
      now, event.rawValue, cause.rawValue, baseName.map { Data($0) }, content.map { Data($0.bytes) }, detail, mailbox,
    ])
  }
}

/// A line of history.
package struct HistoryRecord: Sendable {
  /// Seconds since 1970.
  package let at: Int64
  package let event: String
  package let cause: String
  package let mailbox: MailboxName
  package let uid: UID?
  package let baseName: [UInt8]?
  package let contentDigest: Digest?
  /// Seconds since 1970: when the message came to its folder.
  package let came: Int64?
  package let detail: String
}

extension AccountState {
  /// The newest lines, oldest first.
  package func history(limit: Int) async throws -> [HistoryRecord] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM (SELECT * FROM history ORDER BY id DESC LIMIT ?) ORDER BY id", arguments: [limit]
      ).map(HistoryRecord.init(row:))
    }
  }

  /// What happened to messages of one content.
  package func history(content: Digest, limit: Int) async throws -> [HistoryRecord] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM (SELECT * FROM history WHERE content_digest = ? ORDER BY id DESC LIMIT ?) ORDER BY id
          """, arguments: [Data(content.bytes), limit]
      ).map(HistoryRecord.init(row:))
    }
  }

  /// The newest line about a UID of a mailbox, for a message that has no row any more.
  package func lastHistory(of uid: UID, in mailbox: MailboxName) async throws -> HistoryRecord? {
    try await read { db in
      try Row.fetchOne(
        db, sql: "SELECT * FROM history WHERE mailbox = ? AND uid = ? ORDER BY id DESC LIMIT 1",
        arguments: [Data(mailbox.wire), uid.value]
      ).map(HistoryRecord.init(row:))
    }
  }

  /// The newest line about a base name in a mailbox.
  package func lastHistory(baseName: [UInt8], in mailbox: MailboxName) async throws -> HistoryRecord? {
    try await read { db in
      try Row.fetchOne(
        db, sql: "SELECT * FROM history WHERE mailbox = ? AND base_name = ? ORDER BY id DESC LIMIT 1",
        arguments: [Data(mailbox.wire), Data(baseName)]
      ).map(HistoryRecord.init(row:))
    }
  }

  /// When the newest rows came, newest first.
  package func arrivals(limit: Int) async throws -> [HistoryRecord] {
    try await read { db in
      try Row.fetchAll(db, sql: Self.arrivals + "state = 1 ORDER BY message.id DESC LIMIT ?", arguments: [limit])
        .map(HistoryRecord.init(row:))
    }
  }

  /// When the rows of one content came.
  package func arrivals(content: Digest) async throws -> [HistoryRecord] {
    try await read { db in
      let ids = try Self.ids(content: content, db)
      return try ids.flatMap { id in
        try Row.fetchAll(db, sql: Self.arrivals + "message.id = ?", arguments: [id]).map(HistoryRecord.init(row:))
      }
    }
  }

  private static let arrivals = """
    SELECT added AS at, 'came' AS event, 'server' AS cause, mailbox.name AS mailbox, uid, base_name, content_digest,
      added AS came, '' AS detail
    FROM message JOIN mailbox ON mailbox.id = message.mailbox WHERE added IS NOT NULL AND
    """ + " "

  private static func ids(content: Digest, _ db: Database) throws -> [Int64] {
    try Int64.fetchAll(
      db, sql: "SELECT id FROM message WHERE content_digest = ? ORDER BY id", arguments: [Data(content.bytes)])
  }

  /// Lets go of lines older than a year, and of the oldest beyond a number.
  package func purgeHistory(now: Int64) async throws {
    let limit = now - Self.historyAge
    let isDue = try await read { db in
      let row = try Row.fetchOne(
        db, sql: "SELECT (SELECT min(at) FROM history) AS first, (SELECT max(id) - min(id) FROM history) AS lines")
      return (row?["first"] ?? now) < limit || (row?["lines"] ?? 0) >= Self.historyLines
    }
    guard isDue else { return }
    try await write { db in
      try db.execute(sql: "DELETE FROM history WHERE at < ?", arguments: [limit])
      try db.execute(
        sql: "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?", arguments: [Self.historyLines])
    }
  }

  private static let historyAge: Int64 = 366 * 86_400
  private static let historyLines = 200_000
}

extension HistoryRecord {
  init(row: Row) {
    let uid: UInt32? = row["uid"]
    let base: Data? = row["base_name"]
    let content: Data? = row["content_digest"]
    self.init(
      at: row["at"], event: row["event"], cause: row["cause"], mailbox: MailboxName(wire: row["mailbox"] as Data),
      uid: uid.flatMap(UID.init), baseName: base.map { Array($0) }, contentDigest: content.flatMap { Digest($0) },
      came: row["came"], detail: row["detail"])
  }
}
