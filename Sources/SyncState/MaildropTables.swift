import Foundation
import GRDB
import MailModel

/// What one session finds in a maildrop and does with it: temporary tables in a file without a name, which goes with
/// them, so that a session takes no more memory for many messages than for few.
extension AccountState {
  private static let tables = """
    -- What the server lists.
    CREATE TEMP TABLE listed (number INTEGER PRIMARY KEY, unique_id BLOB, size INTEGER) STRICT;
    -- Of these, what has a name and is not settled at first sight, name by name.
    CREATE TEMP TABLE differing (
      unique_id BLOB, number INTEGER, size INTEGER, PRIMARY KEY (unique_id, number)
    ) STRICT, WITHOUT ROWID;
    -- Rows whose message is not listed.
    CREATE TEMP TABLE unlisted (row INTEGER PRIMARY KEY) STRICT;
    -- What the plan says of a row: 0 absent, 1 returned, 2 gone, 3 forgotten.
    CREATE TEMP TABLE verdict (kind INTEGER, row INTEGER, PRIMARY KEY (kind, row)) STRICT, WITHOUT ROWID;
    -- What is to be fetched, and in which order.
    CREATE TEMP TABLE wanted (
      number INTEGER PRIMARY KEY, row INTEGER, first_listing INTEGER NOT NULL, attempts INTEGER NOT NULL,
      is_done INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TEMP TABLE fetch_order (place INTEGER PRIMARY KEY, number INTEGER NOT NULL) STRICT;
    -- Which numbers only content tells apart, and the rows that they may be; a contest is called after its first number.
    CREATE TEMP TABLE contested (number INTEGER PRIMARY KEY, contest INTEGER NOT NULL) STRICT;
    CREATE INDEX temp.contested_contest ON contested (contest);
    CREATE TEMP TABLE rival (row INTEGER PRIMARY KEY, contest INTEGER NOT NULL) STRICT;
    -- Rows that a message may turn out to be, with their names where these count.
    CREATE TEMP TABLE candidate (
      row INTEGER PRIMARY KEY, is_named INTEGER NOT NULL, unique_id BLOB, since INTEGER NOT NULL,
      is_due INTEGER NOT NULL, content_digest BLOB NOT NULL
    ) STRICT;
    CREATE INDEX temp.candidate_content ON candidate (content_digest, unique_id);
    -- What the server is to delete.
    CREATE TEMP TABLE leaving (
      number INTEGER PRIMARY KEY, row INTEGER NOT NULL, is_removed_here INTEGER NOT NULL
    ) STRICT;
    """

  /// Makes them anew.
  package func beginMaildrop() async throws {
    try await outsideTransaction { db in
      // A change of the place takes all temporary tables with it.
      try db.execute(sql: "PRAGMA temp_store = MEMORY; PRAGMA temp_store = FILE")
      try db.execute(sql: Self.tables)
    }
  }

  /// Lets go of them.
  package func endMaildrop() async throws {
    try await outsideTransaction { db in try db.execute(sql: "PRAGMA temp_store = MEMORY") }
  }

  private func outsideTransaction(_ body: @escaping @Sendable (Database) throws -> Void) async throws {
    do {
      try await queue.writeWithoutTransaction(body)
    } catch let error as DatabaseError {
      throw ofTemporaryTables(error)
    }
  }

  /// A transaction of temporary tables alone. Nothing of it is to last, so its commit is no failpoint.
  func scratch<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    do {
      return try await queue.write(body)
    } catch let error as DatabaseError {
      throw ofTemporaryTables(error)
    }
  }

  /// Temporary tables are not where the state is, but where SQLite puts them (sqlite.org/tempfiles.html, section 5).
  private func ofTemporaryTables(_ error: DatabaseError) -> StateError {
    guard [.SQLITE_FULL, .SQLITE_IOERR, .SQLITE_CANTOPEN].contains(error.resultCode) else {
      return StateError(database: error, path: path)
    }
    let environment = ProcessInfo.processInfo.environment
    return StateError(
      .writeFailed, path: environment["SQLITE_TMPDIR"] ?? environment["TMPDIR"] ?? "/var/tmp",
      what: "no room for temporary tables (\(error.message ?? "error \(error.resultCode.rawValue)"))",
      remedy: "free some disk space there, or set SQLITE_TMPDIR to a directory that has it")
  }

  // MARK: What is listed

  package func addListed(_ messages: [MaildropEntry]) async throws {
    try await scratch { db in
      let insert = try db.cachedStatement(sql: "INSERT INTO listed (number, unique_id, size) VALUES (?, ?, ?)")
      for message in messages {
        try insert.execute(arguments: [message.number, message.uniqueID.map { Data($0.bytes) }, message.size])
      }
    }
  }

  /// As if the server had not said anything of these numbers.
  package func removeListed(_ numbers: Set<Int>) async throws {
    guard !numbers.isEmpty else { return }
    try await scratch { db in
      let delete = try db.cachedStatement(sql: "DELETE FROM listed WHERE number = ?")
      for number in numbers { try delete.execute(arguments: [number]) }
    }
  }
}
