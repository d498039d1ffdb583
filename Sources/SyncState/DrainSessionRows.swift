import Foundation
import GRDB
import MailModel

/// A message to fetch, with its row.
package struct WantedMessage: Sendable {
  /// Where it stands in the order to fetch in.
  package let place: Int64
  package let row: Int64
  package let fetch: DrainPlan.Fetch

  package var listed: MaildropEntry { fetch.entry }
}

/// What one session fetches and deletes, while it does.
extension AccountState {
  /// The next messages to fetch, behind this place.
  package func wanted(after place: Int64, limit: Int) async throws -> [WantedMessage] {
    try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT listed.number, unique_id, size, place, row, first_listing, attempts,
            EXISTS (SELECT 1 FROM contested WHERE contested.number = listed.number)
          FROM fetch_order CROSS JOIN wanted USING (number) CROSS JOIN listed USING (number)
          WHERE place > ? ORDER BY place LIMIT ?
          """, arguments: [place, limit])
      var messages: [WantedMessage] = []
      while let row = try rows.next() {
        messages.append(
          WantedMessage(
            place: row[3], row: row[4],
            fetch: DrainPlan.Fetch(
              entry: MaildropEntry(row: row), row: row[4], firstListing: row[5], attempts: row[6],
              isContested: row[7])))
      }
      return messages
    }
  }

  /// These are durable here; `leaving` of them may go on the server. Who is done counts in contests alone.
  package func noteFetched(_ messages: [WantedMessage], leaving: [DrainPlan.Deletion]) async throws {
    try await scratch { db in
      let done = try db.cachedStatement(sql: "UPDATE wanted SET is_done = 1 WHERE number = ?")
      for message in messages where message.fetch.isContested { try done.execute(arguments: [message.listed.number]) }
      try Self.note(leaving, db)
    }
  }

  // MARK: Content

  /// Some message may be one that is here already.
  package func hasCandidates() async throws -> Bool {
    try await read { db in try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM candidate)") ?? false }
  }

  /// The row that a message to fetch is, by its content; nil for one that is new. Each row is given once, so that of two
  /// equal messages in a session at most one is an earlier one; one with the same name comes first. The message's own
  /// row goes then, and the earlier one is the one that the server lists.
  package func claim(
    _ message: WantedMessage, content: Digest
  ) async throws -> (row: Int64, isDue: Bool)? {
    let digest = Data(content.bytes)
    let hasSome = try await read { db in
      try Bool.fetchOne(
        db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM candidate WHERE content_digest = ?)"), arguments: [digest]
      )
        ?? false
    }
    guard hasSome else { return nil }
    return try await write { db in
      let found =
        try Row.fetchOne(
          db.cachedStatement(
            sql: """
              SELECT row, is_due FROM candidate WHERE content_digest = ? AND unique_id IS ? AND is_named
              ORDER BY row LIMIT 1
              """), arguments: [digest, message.listed.uniqueID.map { Data($0.bytes) }])
        ?? Row.fetchOne(
          db.cachedStatement(
            sql: "SELECT row, is_due FROM candidate WHERE content_digest = ? AND since >= ? ORDER BY row LIMIT 1"),
          arguments: [digest, message.fetch.firstListing])
      guard let found else { return nil }
      let (earlier, isDue) = (found[0] as Int64, found[1] as Bool)
      try db.execute(sql: "DELETE FROM candidate WHERE row = ?", arguments: [earlier])
      try db.execute(sql: "DELETE FROM rival WHERE row = ?", arguments: [earlier])
      try db.execute(
        sql: """
          UPDATE drained SET (unique_id, size) = (SELECT unique_id, size FROM drained WHERE id = ?1),
            absent_listing = NULL, absent_at = NULL WHERE id = ?2
          """, arguments: [message.row, earlier])
      try db.execute(sql: "DELETE FROM drained WHERE id = ?", arguments: [message.row])
      return (earlier, isDue)
    }
  }

  /// A contest is over when all its messages were fetched: rows that none of them was are not on the server any more.
  package func endContests(listing: Int64, now: Int64) async throws {
    let lost = """
      SELECT row FROM rival WHERE NOT EXISTS (SELECT 1 FROM contested LEFT JOIN wanted USING (number)
        WHERE contested.contest = rival.contest AND is_done IS NOT 1)
      """
    let isAny = try await read { db in try Bool.fetchOne(db, sql: "SELECT EXISTS (\(lost))") ?? false }
    guard isAny else { return }
    try await write { db in
      try Self.removeDrained("SELECT id FROM drained WHERE departure = 3 AND id IN (\(lost))", db)
      try Self.noteAbsent(lost, listing: listing, now: now, db)
    }
  }

  // MARK: Deleting

  /// The next messages to delete, by number.
  package func leaving(
    after number: Int, limit: Int, onlyRemovedHere: Bool = false
  ) async throws -> [DrainPlan.Deletion] {
    try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT number, row, is_removed_here FROM leaving WHERE number > ?1 AND is_removed_here >= ?2
          ORDER BY number LIMIT ?3
          """, arguments: [number, onlyRemovedHere, limit])
      return try Array(rows.map { DrainPlan.Deletion(number: $0[0], row: $0[1], isRemovedHere: $0[2]) })
    }
  }

  /// These are not to be deleted, or not marked by the server.
  package func keepThere(_ numbers: some Sequence<Int> & Sendable) async throws {
    try await scratch { db in
      let delete = try db.cachedStatement(sql: "DELETE FROM leaving WHERE number = ?")
      for number in numbers { try delete.execute(arguments: [number]) }
    }
  }

  /// The intent to delete on the server what is leaving; durable before DELE.
  package func intendDeletion() async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE drained SET departure = 1 WHERE id IN (SELECT row FROM leaving) AND departure <> 1")
    }
  }

  /// QUIT is about to be sent: from here on it is not known whether what is leaving is there.
  package func noteQuit() async throws {
    try await write { db in
      try db.execute(sql: "UPDATE OR FAIL drained SET departure = 2 WHERE id IN (SELECT row FROM leaving)")
    }
  }

  /// QUIT's +OK has confirmed the deletion of what is leaving. Returns how many messages that are.
  package func confirmDeletion(now: Int64) async throws -> Int {
    try await write { db in
      try Self.confirmDeletion(
        "SELECT row FROM leaving WHERE NOT is_removed_here", cause: .sync,
        detail: "deleted on the server after delivery", now: now, db)
      try Self.confirmDeletion(
        "SELECT row FROM leaving WHERE is_removed_here", cause: .folder,
        detail: "deleted on the server as it was here", now: now, db)
      return try Int.fetchOne(db, sql: "SELECT count(*) FROM leaving") ?? 0
    }
  }
}
