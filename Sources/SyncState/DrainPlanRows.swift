import Foundation
import GRDB
import MailModel

extension AccountState {
  /// Keeps a part of what one session will do with the maildrop until it is done.
  package func add(_ plan: DrainPlan) async throws {
    try await scratch { db in
      let wanted = try db.cachedStatement(
        sql: "INSERT INTO wanted (number, row, first_listing, attempts) VALUES (?, ?, ?, ?)")
      for message in plan.fetches {
        try wanted.execute(arguments: [message.entry.number, message.row, message.firstListing, message.attempts])
      }
      try Self.note(plan.deletions, db)
      // A row without content is no candidate.
      let candidate = try db.cachedStatement(
        sql: """
          INSERT OR IGNORE INTO candidate SELECT drained.id, ?2, CASE WHEN ?2 THEN unique_id END, ?3, ?4, content_digest
          FROM drained JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
          WHERE drained.id = ?1 AND state = 1
          """)
      for row in plan.candidates { try candidate.execute(arguments: [row.row, row.isNamed, row.since, row.isDue]) }
      let contested = try db.cachedStatement(sql: "INSERT INTO contested (number, contest) VALUES (?, ?)")
      let rival = try db.cachedStatement(sql: "INSERT INTO rival (row, contest) VALUES (?, ?)")
      for contest in plan.contests {
        for number in contest.numbers { try contested.execute(arguments: [number, contest.numbers[0]]) }
        for row in contest.rows { try rival.execute(arguments: [row, contest.numbers[0]]) }
      }
      let verdict = try db.cachedStatement(sql: "INSERT OR IGNORE INTO verdict (kind, row) VALUES (?, ?)")
      for (kind, rows) in [plan.absent, plan.returned, plan.gone, plan.forgotten].enumerated() {
        for row in rows { try verdict.execute(arguments: [kind, row]) }
      }
      let unlisted = try db.cachedStatement(sql: "INSERT OR IGNORE INTO unlisted (row) VALUES (?)")
      for row in plan.unlisted { try unlisted.execute(arguments: [row]) }
    }
  }

  static func note(_ deletions: [DrainPlan.Deletion], _ db: Database) throws {
    let insert = try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO leaving (number, row, is_removed_here) VALUES (?, ?, ?)")
    for message in deletions { try insert.execute(arguments: [message.number, message.row, message.isRemovedHere]) }
  }

  /// Stores the listing with what the plan says of the rows; every message to fetch has a row afterwards.
  /// - Parameters:
  ///   - leaves: messages are to be deleted on the server as soon as they are here.
  ///   - newestFirst: the order to fetch in; what made trouble comes last, so that it keeps nothing else waiting.
  package func noteListing(
    _ listing: Int64, into mailbox: Int64, leaves: Bool, newestFirst: Bool, now: Int64
  ) async throws {
    try await write { db in
      try db.execute(
        sql: """
          INSERT INTO maildrop (id, mailbox, listing) VALUES (1, ?1, ?2)
          ON CONFLICT (id) DO UPDATE SET mailbox = ?1, listing = ?2
          """, arguments: [mailbox, listing])
      try Self.noteAbsent("SELECT row FROM verdict WHERE kind = 0", listing: listing, now: now, db)
      try db.execute(
        sql: """
          UPDATE drained SET absent_listing = NULL, absent_at = NULL
          WHERE id IN (SELECT row FROM verdict WHERE kind = 1)
          """)
      try Self.removeDrained("SELECT row FROM verdict WHERE kind = 2", db)
      try db.execute(sql: "DELETE FROM drained WHERE id IN (SELECT row FROM verdict WHERE kind = 3)")
      // What is not here yet goes to where mail is delivered now, and leaves as the person wants now.
      try db.execute(
        sql: """
          UPDATE drained SET mailbox = ?1, departure = ?2 WHERE (mailbox <> ?1 OR departure <> ?2)
            AND NOT EXISTS (SELECT 1 FROM message
              WHERE message.mailbox = drained.mailbox AND message.uid = drained.id AND state = 1)
          """, arguments: [mailbox, leaves ? 1 : 0])
      try db.execute(
        sql: """
          INSERT INTO fetch_order (number)
          SELECT number FROM wanted ORDER BY attempts, number \(newestFirst ? "DESC" : "ASC")
          """)
      try Self.addRows(listing, into: mailbox, leaves: leaves, now: now, db)
    }
  }

  private static func addRows(
    _ listing: Int64, into mailbox: Int64, leaves: Bool, now: Int64, _ db: Database
  ) throws {
    // The last UID that was given; AUTOINCREMENT gives none below it even where rows have gone.
    let last = try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'drained'") ?? 0
    try db.execute(
      sql: """
        UPDATE wanted SET row = ?1 + rank
        FROM (SELECT number, row_number() OVER (ORDER BY place) AS rank
          FROM fetch_order CROSS JOIN wanted USING (number) WHERE row IS NULL) AS rowless
        WHERE wanted.number = rowless.number
        """, arguments: [last])
    try db.execute(
      sql: """
        INSERT INTO drained (id, mailbox, unique_id, size, first_seen, first_listing, departure)
        SELECT row, ?1, unique_id, size, ?2, ?3, ?4
        FROM fetch_order CROSS JOIN wanted USING (number) CROSS JOIN listed USING (number)
        WHERE row > ?5 ORDER BY place
        """, arguments: [mailbox, now, listing, leaves ? 1 : 0, last])
  }
}
