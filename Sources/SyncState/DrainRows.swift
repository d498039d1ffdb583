import Foundation
import GRDB
import MailModel

/// Where a message of a maildrop is on its way off the server.
package enum DrainDeparture: Int, Sendable {
  case none
  /// DELE may have been sent.
  case leaving
  /// QUIT may have been sent, too.
  case uncertain
  /// QUIT's +OK confirmed it.
  case deleted
}

/// A message of a maildrop, as the state has it.
package struct DrainedRecord: Sendable {
  /// The UID of its row in `message`.
  package let id: Int64
  package let uniqueID: UniqueID?
  package let size: Int64?
  package let firstSeen: Int64
  package let firstListing: Int64
  package let absentListing: Int64?
  /// Its file is durable in a folder.
  package let isHere: Bool
  package let departure: DrainDeparture
  package let attempts: Int
  package let deletions: Int
  package let isRemovedHere: Bool
}

/// A message that a listing has and that gets a row.
package struct ListedMessage: Sendable {
  package var uniqueID: UniqueID?
  package var size: Int64?

  package init(uniqueID: UniqueID?, size: Int64?) {
    self.uniqueID = uniqueID
    self.size = size
  }
}

/// What a complete listing says of the rows, and the messages that have none yet; stored together.
package struct ListingChanges: Sendable {
  package var absent: [Int64] = []
  package var returned: [Int64] = []
  /// Deleted, and not listed any more.
  package var gone: [Int64] = []
  /// Gone before they were fetched.
  package var forgotten: [Int64] = []
  package var new: [ListedMessage] = []

  package init() {}
}

/// The messages of a POP3 account's maildrop.
extension AccountState {
  package func drained() async throws -> [DrainedRecord] { try await drained { $0 } }

  /// What `make` makes of each; the records themselves, of which there may be many, are not kept.
  package func drained<Known: Sendable>(
    _ make: @escaping @Sendable (DrainedRecord) -> Known
  ) async throws -> [Known] {
    try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT drained.id, unique_id, size, first_seen, first_listing, absent_listing, departure, attempts, deletions,
            removed_here, message.state = 1
          FROM drained LEFT JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
          ORDER BY drained.id
          """)
      var known: [Known] = []
      while let row = try rows.next() { known.append(make(DrainedRecord(row: row))) }
      return known
    }
  }

  /// How many complete listings there have been.
  package func drainListing() async throws -> Int64 {
    try await read { db in try Int64.fetchOne(db, sql: "SELECT listing FROM maildrop") ?? 0 }
  }

  /// Stores a complete listing; returns the ids of the new rows, in order.
  /// - Parameter leaves: messages are to be deleted on the server as soon as they are here.
  package func noteListing(
    _ listing: Int64, _ changes: ListingChanges, into mailbox: Int64, leaves: Bool, now: Int64
  ) async throws -> [Int64] {
    try await write { db in
      try db.execute(
        sql: """
          INSERT INTO maildrop (id, mailbox, listing) VALUES (1, ?1, ?2)
          ON CONFLICT (id) DO UPDATE SET mailbox = ?1, listing = ?2
          """, arguments: [mailbox, listing])
      try Self.noteAbsent(changes.absent, listing: listing, now: now, db)
      try IDRuns(changes.returned).execute(
        "UPDATE drained SET absent_listing = NULL, absent_at = NULL WHERE id BETWEEN ?1 AND ?2", db)
      try Self.removeDrained(changes.gone, db)
      try IDRuns(changes.forgotten).execute("DELETE FROM drained WHERE id BETWEEN ?1 AND ?2", db)
      // What is not here yet goes to where mail is delivered now, and leaves as the person wants now.
      try db.execute(
        sql: """
          UPDATE drained SET mailbox = ?1, departure = ?2 WHERE (mailbox <> ?1 OR departure <> ?2)
            AND NOT EXISTS (SELECT 1 FROM message
              WHERE message.mailbox = drained.mailbox AND message.uid = drained.id AND state = 1)
          """, arguments: [mailbox, leaves ? 1 : 0])
      let insert = try db.cachedStatement(
        sql: """
          INSERT INTO drained (mailbox, unique_id, size, first_seen, first_listing, departure)
          VALUES (?, ?, ?, ?, ?, ?)
          """)
      return try changes.new.map { message in
        try insert.execute(arguments: [
          mailbox, message.uniqueID.map { Data($0.bytes) }, message.size, now, listing, leaves ? 1 : 0,
        ])
        return db.lastInsertedRowID
      }
    }
  }

  /// The contents of rows that are here.
  package func drainedContents(_ ids: [Int64]) async throws -> [Int64: Digest] {
    guard !ids.isEmpty else { return [:] }
    return try await read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT content_digest FROM message JOIN drained ON message.mailbox = drained.mailbox
            AND message.uid = drained.id WHERE drained.id = ? AND state = 1
          """)
      var contents: [Int64: Digest] = [:]
      for id in ids { contents[id] = try Data.fetchOne(statement, arguments: [id]).flatMap { Digest($0) } }
      return contents
    }
  }

  /// A message that was fetched is one that is here already: its own row goes, and the earlier one is the one that the
  /// server lists.
  package func rebind(_ provisional: Int64, to earlier: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: """
          UPDATE drained SET (unique_id, size) = (SELECT unique_id, size FROM drained WHERE id = ?1),
            absent_listing = NULL, absent_at = NULL WHERE id = ?2
          """, arguments: [provisional, earlier])
      try db.execute(sql: "DELETE FROM drained WHERE id = ?", arguments: [provisional])
    }
  }

  /// Messages that only content could have told apart were not among those that were fetched.
  package func endContests(_ ids: [Int64], listing: Int64, now: Int64) async throws {
    guard !ids.isEmpty else { return }
    try await write { db in
      let deleted = try db.cachedStatement(sql: "SELECT departure = 3 FROM drained WHERE id = ?")
      var gone: [Int64] = []
      for id in ids where try Bool.fetchOne(deleted, arguments: [id]) == true { gone.append(id) }
      try Self.removeDrained(gone, db)
      try Self.noteAbsent(ids, listing: listing, now: now, db)
    }
  }

  /// The intent to delete these on the server; durable before DELE.
  package func intendDeletion(_ ids: [Int64]) async throws {
    guard !ids.isEmpty else { return }
    try await write { db in
      _ = try IDRuns(ids).execute(
        "UPDATE drained SET departure = 1 WHERE id BETWEEN ?1 AND ?2 AND departure <> 1", db)
    }
  }

  /// QUIT is about to be sent: from here on it is not known whether these are there.
  package func noteQuit(_ ids: [Int64]) async throws {
    guard !ids.isEmpty else { return }
    try await write { db in
      _ = try IDRuns(ids).execute("UPDATE drained SET departure = 2 WHERE id BETWEEN ?1 AND ?2", db)
    }
  }

  /// QUIT's +OK has confirmed these deletions.
  package func confirmDeletion(
    _ ids: [Int64], cause: HistoryCause, detail: String, now: Int64
  ) async throws {
    guard !ids.isEmpty else { return }
    try await write { db in
      let rows = IDRuns(ids)
      try rows.execute(
        "UPDATE drained SET departure = 3, deletions = deletions + 1 WHERE id BETWEEN ?1 AND ?2", db)
      try Self.noteArrivals(of: rows, db)
      try rows.execute(
        """
        INSERT INTO history (at, event, cause, mailbox, uid, base_name, content_digest, came, detail)
        SELECT ?3, ?4, ?5, mailbox.name, uid, base_name, content_digest, added, ?6
        FROM drained JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
          JOIN mailbox ON mailbox.id = message.mailbox
        WHERE drained.id BETWEEN ?1 AND ?2
        """, with: [now, HistoryEvent.deleted.rawValue, cause.rawValue, detail], db)
      try rows.execute("UPDATE message SET added = NULL WHERE \(Self.isOfRun)", db)
    }
  }

  /// Deletions that were not confirmed and that a listing bears out: all that it has was looked at, and none of it is
  /// one of these.
  package func settleAbsent(now: Int64) async throws {
    let ids = try await read { db in
      try Int64.fetchAll(
        db,
        sql: """
          SELECT drained.id FROM drained JOIN message
            ON message.mailbox = drained.mailbox AND message.uid = drained.id
          WHERE state = 1 AND absent_listing IS NOT NULL AND departure IN (1, 2)
          """)
    }
    try await confirmDeletion(
      ids, cause: .sync, detail: "deleted on the server after delivery, as the next listing showed", now: now)
  }

  /// Why a message could not be fetched.
  package func noteUndrained(_ id: Int64, reason: String) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE drained SET reason = ?, attempts = attempts + 1 WHERE id = ?", arguments: [reason, id])
    }
  }

  /// What the last session left on the server, and the folder with it.
  package func setMaildrop(left: Int, tooLarge: Int, files: Int, unseen: Int) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE maildrop SET left_there = ?, too_large = ?, files = ?, unseen = ?",
        arguments: [left, tooLarge, files, unseen])
    }
  }

  /// Lets go of rows that have not been listed for longer than history goes back.
  package func purgeAbsent(now: Int64) async throws {
    let limit = now - 366 * 86_400
    let isDue = try await read { db in
      try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM drained WHERE absent_at < ?)", arguments: [limit])
    }
    guard isDue == true else { return }
    try await write { db in
      let old = try Int64.fetchAll(db, sql: "SELECT id FROM drained WHERE absent_at < ?", arguments: [limit])
      try Self.removeDrained(old, db)
    }
  }

  private static func noteAbsent(_ ids: [Int64], listing: Int64, now: Int64, _ db: Database) throws {
    try IDRuns(ids).execute(
      """
      UPDATE drained SET absent_listing = ?3, absent_at = ?4
      WHERE id BETWEEN ?1 AND ?2 AND absent_listing IS NULL
      """, with: [listing, now], db)
  }

  /// A row of `message` that is one of the run's.
  private static let isOfRun = "(mailbox, uid) IN (SELECT mailbox, id FROM drained WHERE id BETWEEN ?1 AND ?2)"

  /// Writes into history when messages came, as long as their rows still say so.
  private static func noteArrivals(of rows: IDRuns, _ db: Database) throws {
    try rows.execute(
      """
      INSERT INTO history (at, event, cause, mailbox, uid, base_name, content_digest, came, detail)
      SELECT added, ?3, ?4, mailbox.name, uid, base_name, content_digest, added, ''
      FROM drained JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
        JOIN mailbox ON mailbox.id = message.mailbox
      WHERE drained.id BETWEEN ?1 AND ?2 AND state = 1 AND added IS NOT NULL
      """, with: [HistoryEvent.came.rawValue, HistoryCause.server.rawValue], db)
  }

  /// Removes rows with those of their messages, which are the person's alone from now on. History keeps when they came.
  private static func removeDrained(_ ids: [Int64], _ db: Database) throws {
    guard !ids.isEmpty else { return }
    let rows = IDRuns(ids)
    try noteArrivals(of: rows, db)
    let delivered = try rows.execute("DELETE FROM message WHERE state = 1 AND \(isOfRun)", db)
    try rows.execute("DELETE FROM drained WHERE id BETWEEN ?1 AND ?2", db)
    try db.execute(sql: "UPDATE maildrop SET gone = gone + ?", arguments: [delivered])
  }
}

extension DrainedRecord {
  /// By position, since there may be many.
  init(row: Row) {
    self.init(
      id: row[0], uniqueID: (row[1] as Data?).flatMap { UniqueID(kept: Array($0)) }, size: row[2], firstSeen: row[3],
      firstListing: row[4], absentListing: row[5], isHere: row[10] ?? false,
      departure: DrainDeparture(rawValue: row[6]) ?? .leaving, attempts: row[7], deletions: row[8],
      isRemovedHere: row[9])
  }
}
