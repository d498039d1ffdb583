import GRDB
import Testing

@testable import SyncState

/// The numbers that the database keeps of each mailbox's rows are those that the rows themselves give.
@Suite struct MailboxCountsTests {
  private struct Message: CaseIterable {
    var mailbox: Int64 = 1
    var uid: Int64?
    var remote = 0
    var state = 0
    var pending = 1
    var flags = 0

    static var allCases: [Message] {
      (0..<96).map { number in
        Message(
          mailbox: Int64(1 + number % 2), uid: number / 2 % 2 == 0 ? nil : 7, remote: number / 4 % 2,
          state: number / 8 % 3, pending: 1 + number / 24 % 2, flags: number / 48)
      }
    }

    var arguments: StatementArguments { [mailbox, uid, remote, state, pending, flags] }
  }

  private static let insert = """
    INSERT INTO message (mailbox, uid, remote, state, pending, flags, base_name, file_name, in_cur, content_digest,
      header_digest, disk_size, wire_size, session, inode, quarantine_name)
    VALUES (?, ?, ?, ?, ?, ?, x'61', x'61', 0, zeroblob(32), zeroblob(32), 1, 1, 1, 1, 'q')
    """

  private func database(upTo migration: String) throws -> DatabaseQueue {
    let queue = try DatabaseQueue()
    try Schema.migrator.migrate(queue, upTo: migration)
    try queue.write { db in
      for mailbox in 1...2 {
        try db.execute(
          sql: "INSERT INTO mailbox (id, name, folder) VALUES (?1, CAST(?1 AS BLOB), ?1)", arguments: [mailbox])
      }
    }
    return queue
  }

  private func differing(_ db: Database) throws -> Int {
    try Int.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT count(*) FROM mailbox WHERE (on_server, files, unseen) IS NOT (
            SELECT count(*) FILTER (WHERE remote = 1 AND uid IS NOT NULL AND state <> 0),
              count(*) FILTER (WHERE state = 1 AND pending & 1 = 0),
              count(*) FILTER (WHERE state = 1 AND pending & 1 = 0 AND flags & 1 = 0)
            FROM message WHERE message.mailbox = mailbox.id)
          """)) ?? -1
  }

  @Test func everyChangeOfARowIsCounted() throws {
    try database(upTo: "5 settled counts").write { db in
      let insert = try db.cachedStatement(sql: Self.insert)
      let update = try db.cachedStatement(
        sql: "UPDATE message SET mailbox = ?, uid = ?, remote = ?, state = ?, pending = ?, flags = ?")
      for old in Message.allCases {
        try insert.execute(arguments: old.arguments)
        let inserted = try differing(db)
        #expect(inserted == 0, "\(old)")
        for new in Message.allCases {
          try update.execute(arguments: new.arguments)
          let updated = try differing(db)
          if updated != 0 { Issue.record("\(old) to \(new)") }
          try update.execute(arguments: old.arguments)
        }
        try db.execute(sql: "DELETE FROM message WHERE true")
        let deleted = try differing(db)
        #expect(deleted == 0, "\(old)")
      }
    }
  }

  @Test func whatWasThereBeforeIsCounted() throws {
    let queue = try database(upTo: "4 counts")
    try queue.write { db in
      for (uid, message) in Message.allCases.enumerated() {
        var message = message
        message.uid = message.uid.map { _ in Int64(uid + 1) }
        try db.execute(sql: Self.insert, arguments: message.arguments)
      }
    }
    try Schema.migrator.migrate(queue)
    try queue.write { db in
      #expect(try differing(db) == 0)
      try db.execute(sql: "UPDATE message SET state = 1, pending = 0")
      #expect(try differing(db) == 0)
      try db.execute(sql: "DELETE FROM message WHERE id % 3 = 0")
      #expect(try differing(db) == 0)
    }
  }
}
