import Foundation
import GRDB
import MailModel

/// What is listed under one name, or without any, and the rows that have it.
package struct MaildropGroup: Sendable {
  package var name: UniqueID?
  package var listed: [MaildropEntry] = []
  package var rows: [DrainedRecord] = []
  /// There is more of it than one session looks at.
  package var isCut = false
}

/// A listing beside the rows, in parts of bounded size.
extension AccountState {
  /// What one session looks at of messages, or of rows, that share a name or have none.
  private static let largestGroup = 5_000
  private static let pageSize = 1_000

  /// Sets apart what needs no thought, of messages under names of their own: settled are those that are here, listed as
  /// before, and stay on the server; new are those of which no row has the name, and they are wanted from now on. Returns
  /// how many these are.
  /// - Parameters:
  ///   - listing: the number that this listing has or gets.
  ///   - staysAfter: what was first seen later than this stays there, in seconds since 1970; nil where nothing does.
  ///   - sizeLimit: what is new and larger is left to thought, in octets; nil where nothing is.
  package func compareListing(
    _ listing: Int64, staysAfter: Int64?, sizeLimit: Int64?
  ) async throws -> (settled: Int, new: Int) {
    try await scratch { db in
      try db.execute(sql: "CREATE INDEX temp.listed_unique_id ON listed (unique_id)")
      try db.execute(
        sql: """
          INSERT INTO wanted (number, first_listing, attempts) SELECT number, ?1, 0 FROM listed
          WHERE unique_id IS NOT NULL AND (size <= ?2 OR size IS NULL OR ?2 IS NULL) AND \(Self.isAlone)
            AND NOT EXISTS (SELECT 1 FROM drained WHERE drained.unique_id = listed.unique_id)
          ORDER BY number
          """, arguments: [listing, sizeLimit])
      let new = db.changesCount
      try db.execute(
        sql: """
          INSERT INTO differing SELECT unique_id, number, size FROM listed
          WHERE unique_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM wanted WHERE wanted.number = listed.number)
            AND NOT (\(staysAfter == nil ? "0" : Self.isSettled)) ORDER BY unique_id, number
          """, arguments: StatementArguments(staysAfter.map { [$0] } ?? []))
      try db.execute(
        sql: """
          INSERT INTO unlisted SELECT id FROM drained
          WHERE unique_id IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM listed WHERE listed.unique_id = drained.unique_id)
            OR unique_id IS NULL AND NOT EXISTS (SELECT 1 FROM listed WHERE unique_id IS NULL)
          """)
      let named = try Int.fetchOne(
        db,
        sql: """
          SELECT (SELECT count(*) FROM listed WHERE unique_id IS NOT NULL) - (SELECT count(*) FROM differing)
          """)
      return ((named ?? 0) - new, new)
    }
  }

  private static let isAlone = """
    NOT EXISTS (SELECT 1 FROM listed AS other WHERE other.unique_id = listed.unique_id AND other.number <> listed.number)
    """

  private static let isSettled = """
    \(isAlone) AND (SELECT count(*) = 1 AND max(
        departure = 0 AND removed_here = 0 AND absent_listing IS NULL AND first_seen > ?1
        AND (drained.size = listed.size OR drained.size IS NULL OR listed.size IS NULL)
        AND EXISTS (SELECT 1 FROM message
          WHERE message.mailbox = drained.mailbox AND message.uid = drained.id AND state = 1))
      FROM drained WHERE drained.unique_id = listed.unique_id)
    """

  /// What is listed without a name, and the rows without one; nil where nothing is listed so.
  package func namelessGroup() async throws -> MaildropGroup? {
    try await read { db in
      let listed = try MaildropEntry.fetch(
        db, "SELECT number, unique_id, size FROM listed WHERE unique_id IS NULL ORDER BY number LIMIT ?",
        [Self.largestGroup + 1])
      guard !listed.isEmpty else { return nil }
      var group = MaildropGroup(name: nil, listed: listed)
      try Self.addRows(to: &group, db)
      return group
    }
  }

  /// The next names that are not settled, behind this one, with all that has them.
  package func differingGroups(after name: UniqueID?) async throws -> [MaildropGroup] {
    try await read { db in
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT number, unique_id, size FROM differing WHERE unique_id > ? ORDER BY unique_id, number
          """, arguments: [name.map { Data($0.bytes) } ?? Data()])
      var groups: [MaildropGroup] = []
      var count = 0
      while let row = try rows.next() {
        let message = MaildropEntry(row: row)
        if message.uniqueID == groups.last?.name, let last = groups.indices.last {
          guard groups[last].listed.count <= Self.largestGroup else { break }
          groups[last].listed.append(message)
        } else {
          guard count < Self.pageSize else { break }
          groups.append(MaildropGroup(name: message.uniqueID, listed: [message]))
        }
        count += 1
      }
      for place in groups.indices { try Self.addRows(to: &groups[place], db) }
      return groups
    }
  }

  private static func addRows(to group: inout MaildropGroup, _ db: Database) throws {
    group.rows = try DrainedRecord.fetch(
      db, "WHERE unique_id IS ? ORDER BY drained.id LIMIT ?",
      [group.name.map { Data($0.bytes) }, largestGroup + 1])
    group.isCut = group.rows.count > largestGroup || group.listed.count > largestGroup
    if group.isCut {
      group.rows = Array(group.rows.prefix(largestGroup))
      group.listed = Array(group.listed.prefix(largestGroup))
    }
  }

  // MARK: What is not listed

  /// Sets apart what needs no thought: rows of which QUIT's +OK has confirmed the deletion and that are not listed are
  /// gone.
  package func noteGone() async throws {
    try await scratch { db in
      try db.execute(
        sql: """
          INSERT OR IGNORE INTO verdict (kind, row) SELECT 2, unlisted.row
          FROM unlisted CROSS JOIN drained ON drained.id = unlisted.row
            CROSS JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
          WHERE departure = 3 AND state = 1 ORDER BY unlisted.row
          """)
      try db.execute(sql: "DELETE FROM unlisted WHERE row IN (SELECT row FROM verdict WHERE kind = 2)")
    }
  }

  /// Of the rows that are not listed: how many are here and were listed under a name the last time, and which listing
  /// first had one of those that are not here.
  package func surveyUnlisted() async throws -> (lost: Int, firstListingOfWaiting: Int64?) {
    try await read { db in
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT count(*) FILTER (WHERE state = 1 AND departure <> 3 AND unique_id IS NOT NULL
              AND absent_listing IS NULL),
            min(first_listing) FILTER (WHERE state IS NOT 1)
          FROM unlisted JOIN drained ON drained.id = unlisted.row
            LEFT JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
          """)
      return (row?[0] ?? 0, row?[1])
    }
  }

  /// The next rows that are not listed, behind this one. Those are left out that are here, on whose deletion nobody
  /// waits, and that were not listed before any message that is to be fetched was.
  /// - Parameter firstListing: the first listing that had a message that is to be fetched.
  package func unlistedRows(after row: Int64, firstListing: Int64?) async throws -> [DrainedRecord] {
    try await read { db in
      try DrainedRecord.fetch(
        db,
        from: "unlisted CROSS JOIN drained ON drained.id = unlisted.row",
        """
        WHERE unlisted.row > ?1
          AND (departure <> 0 OR state IS NOT 1 OR absent_listing IS NULL OR absent_listing >= ?2)
        ORDER BY unlisted.row LIMIT ?3
        """, [row, firstListing ?? .max, Self.pageSize])
    }
  }

  /// An earlier listing had names.
  package func hasNamedRows() async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM drained WHERE unique_id IS NOT NULL)") ?? false
    }
  }
}

extension MaildropEntry {
  fileprivate static func fetch(_ db: Database, _ sql: String, _ arguments: StatementArguments) throws -> [Self] {
    let rows = try Row.fetchCursor(try db.cachedStatement(sql: sql), arguments: arguments)
    var messages: [Self] = []
    while let row = try rows.next() { messages.append(Self(row: row)) }
    return messages
  }

  /// Number, name, size.
  init(row: Row) {
    self.init(
      number: row[0], uniqueID: (row[1] as Data?).flatMap { UniqueID(kept: $0) }, size: row[2])
  }
}

extension DrainedRecord {
  /// - Parameter condition: what follows FROM and its joins.
  static func fetch(
    _ db: Database, from tables: String = "drained", _ condition: String, _ arguments: StatementArguments = []
  ) throws -> [Self] {
    let statement = try db.cachedStatement(
      sql: """
        SELECT drained.id, unique_id, size, first_seen, first_listing, absent_listing, departure, attempts, deletions,
          removed_here, message.state = 1
        FROM \(tables) LEFT JOIN message ON message.mailbox = drained.mailbox AND message.uid = drained.id
        \(condition)
        """)
    let rows = try Row.fetchCursor(statement, arguments: arguments)
    var records: [Self] = []
    while let row = try rows.next() { records.append(Self(row: row)) }
    return records
  }

  /// By position, since there may be many.
  private init(row: Row) {
    self.init(
      id: row[0], uniqueID: (row[1] as Data?).flatMap { UniqueID(kept: $0) }, size: row[2], firstSeen: row[3],
      firstListing: row[4], absentListing: row[5], isHere: row[10] ?? false,
      departure: DrainDeparture(rawValue: row[6]) ?? .leaving, attempts: row[7], deletions: row[8],
      isRemovedHere: row[9])
  }
}
