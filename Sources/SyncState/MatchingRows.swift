import Foundation
import GRDB
import MailModel

/// Files that were here before the state knew of them: whether they are messages that the server has is found out before
/// any of them is sent.
extension AccountState {
  /// What may be true of a message that has just come into the mailbox, read at once since it waits: another client may
  /// have moved it there, or our own hand may have sent it; its file may be here already.
  package func arrivals(in mailbox: Int64) async throws -> Arrivals {
    try await read { db in try Self.arrivals(in: mailbox, db) }
  }

  package struct Arrivals: Sendable {
    package var mayBeKnown: Bool
    package var mayBeHere: Bool
  }

  static func arrivals(in mailbox: Int64, _ db: Database) throws -> Arrivals {
    let row = try Row.fetchOne(
      db,
      sql: """
        SELECT EXISTS (SELECT 1 FROM message
            WHERE departed IS NOT NULL AND id NOT IN (SELECT message FROM hold_message))
          OR EXISTS (SELECT 1 FROM intent WHERE mailbox = ?1) AS known,
          EXISTS (SELECT 1 FROM local_file WHERE mailbox = ?1)
          OR EXISTS (SELECT 1 FROM message WHERE mailbox = ?1 AND uid IS NULL AND state = 1 AND remote = 1) AS here
        """, arguments: [mailbox])
    return Arrivals(mayBeKnown: row?["known"] ?? true, mayBeHere: row?["here"] ?? true)
  }

  /// The mailbox's files without a row whose header, without what programs add, is this one.
  package func strays(plainHeader: Digest, in mailbox: Int64) async throws -> [LocalFile] {
    try await read { db in
      try Row.fetchAll(
        db,
        sql: "SELECT * FROM local_file WHERE mailbox = ? AND plain_header = ? AND \(Self.noIntent) ORDER BY base_name",
        arguments: [mailbox, Data(plainHeader.bytes)]
      ).compactMap(LocalFile.init(row:))
    }
  }

  /// The mailbox's files without a row that have this Message-ID and Date.
  package func strays(identity: Int64, in mailbox: Int64) async throws -> [LocalFile] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM local_file WHERE mailbox = ? AND identity = ? AND \(Self.noIntent) ORDER BY base_name",
        arguments: [mailbox, identity]
      ).compactMap(LocalFile.init(row:))
    }
  }

  /// The mailboxes whose files without a row have not been compared with all that the server has.
  package func unmatchedMailboxes() async throws -> Set<Int64> {
    try await read { db in Set(try Int64.fetchAll(db, sql: "SELECT id FROM mailbox WHERE matching <> 0")) }
  }

  /// A complete round has compared the mailbox's files with all that the server has there.
  package func setMatched(_ mailbox: Int64) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE mailbox SET matching = 2 WHERE id = ? AND matching = 1", arguments: [mailbox])
    }
  }

  /// The mailboxes that wait for the others.
  package func matchedMailboxes() async throws -> [Int64] {
    try await read { db in try Int64.fetchAll(db, sql: "SELECT id FROM mailbox WHERE matching = 2") }
  }

  /// The other mailboxes have been looked at as well: what is left without a counterpart is new. Returns whether there
  /// is any.
  package func endMatching(_ mailboxes: [Int64]) async throws -> Bool {
    try await write { db in
      var hasFiles = false
      for mailbox in mailboxes {
        try db.execute(sql: "UPDATE mailbox SET matching = 0 WHERE id = ?", arguments: [mailbox])
        let files = try Int.fetchOne(
          db, sql: "SELECT count(*) FROM local_file WHERE mailbox = ?", arguments: [mailbox])
        hasFiles = hasFiles || files ?? 0 > 0
      }
      return hasFiles
    }
  }

  /// The mail that was here is matched, and nothing of it waits for the person's word.
  package func endRebuilding() async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE account SET rebuilding = 0 WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE matching <> 0)
            AND NOT EXISTS (SELECT 1 FROM hold WHERE kind = 'uploads')
          """)
    }
  }

  /// When this state was made for mail that was here already (seconds since 1970), and whether that mail is still being
  /// matched.
  package func rebuilding() async throws -> (since: Int64?, isUnderWay: Bool) {
    try await read { db in
      let row = try Row.fetchOne(db, sql: "SELECT rebuilt, rebuilding FROM account")
      return (row?["rebuilt"], row?["rebuilding"] ?? false)
    }
  }

  /// How many files of the account have no row, and how many messages have both.
  package func matchingCounts() async throws -> (files: Int, messages: Int) {
    try await read { db in
      let files = try Int.fetchOne(db, sql: "SELECT count(*) FROM local_file") ?? 0
      let messages = try Int.fetchOne(
        db, sql: "SELECT count(*) FROM message WHERE state = 1 AND remote = 1 AND uid IS NOT NULL AND pending & 1 = 0")
      return (files, messages ?? 0)
    }
  }

  /// The mailbox's files without a row whose content the server has in another mailbox.
  package func straysElsewhere(in mailbox: Int64) async throws -> [LocalFile] {
    try await read { db in
      let others = try Int64.fetchAll(db, sql: "SELECT id FROM mailbox WHERE id <> ?", arguments: [mailbox])
      let has = try db.cachedStatement(
        sql: """
          SELECT 1 FROM message WHERE mailbox = ? AND header_digest = ? AND wire_size = ? AND state = 1 AND remote = 1
            AND uid IS NOT NULL
          """)
      return try Row.fetchAll(db, sql: "SELECT * FROM local_file WHERE mailbox = ?", arguments: [mailbox])
        .compactMap(LocalFile.init(row:))
        .filter { file in
          try others.contains { other in
            try Bool.fetchOne(
              has, arguments: [other, Data(file.plain.header.bytes), file.traits?.wireSize ?? file.stamp.size]) != nil
          }
        }
    }
  }
}
