import GRDB
import LinuxFiles

extension AccountState {
  /// A transaction; its commit is a failpoint and durable when this returns.
  func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    defer { Pulse.beat() }
    do {
      return try await access { db in
        try db.result {
          let value = try body(db)
          try Step.pass(.databaseCommit)
          return value
        }
      }
    } catch let error as DatabaseError {
      throw StateError(database: error, path: path)
    }
  }

  /// Lets go of pages and statements that can be had again.
  package func releaseMemory() async { try? await access { $0.releaseMemory() } }

  func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    defer { Pulse.beat() }
    do {
      return try await access { db in
        try db.readOnly { try db.result(in: .deferred) { try body(db) } }
      }
    } catch let error as DatabaseError {
      throw StateError(database: error, path: path)
    }
  }

  /// What comes after `close()` ends as if cancelled: SQLite itself would end the process.
  private func access<T: Sendable>(_ body: @Sendable (Database) throws -> T) async throws -> T {
    try await queue.writeWithoutTransaction { db in
      guard db.sqliteConnection != nil else { throw CancellationError() }
      return try body(db)
    }
  }
}

extension Database {
  /// What a transaction returns.
  fileprivate func result<T>(in kind: TransactionKind? = nil, _ body: () throws -> T) throws -> T {
    var result: T?
    try inTransaction(kind) {
      result = try body()
      return .commit
    }
    return result!
  }
}
