import Foundation
import GRDB
import Glibc
import LinuxFiles
import MailModel

/// One account's database: WAL, `synchronous = FULL` on the only writer, opened by one process at a time (the worker
/// holds the account's lock file). Calls run on GRDB's own queue, never on an event loop.
package final class AccountState: Sendable {
  package let path: String
  /// The number of this opening; rows settled by an opening that a power cut ended are looked at again.
  package let session: Int64
  /// The first of the openings that a power cut may have robbed of files: it did not close, the machine has booted
  /// since, and not every folder was looked at after that.
  package let sessionLostToPowerCut: Int64?
  package let identity: AccountIdentity
  let queue: DatabaseQueue

  private init(path: String, queue: DatabaseQueue, identity: AccountIdentity, session: Int64, lost: Int64?) {
    self.path = path
    self.queue = queue
    self.identity = identity
    self.session = session
    sessionLostToPowerCut = lost
  }

  package static func exists(at path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// Makes the database of a new account; the file must not exist. It is made under another name and moved when it is
  /// whole, so that a run that ends in between leaves nothing that looks like a damaged database.
  /// - Parameter isRebuilt: mail that was here already is to be matched with the server.
  package static func create(at path: String, identity: AccountIdentity, isRebuilt: Bool = false, now: Int64) throws {
    let draft = path + ".new"
    do {
      for end in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: draft + end) {
        try FileManager.default.removeItem(atPath: draft + end)
      }
      let queue = try openQueue(at: draft)
      try Schema.migrator.migrate(queue)
      try write(draft, queue) { db in
        try db.execute(
          sql: """
            INSERT INTO account (id, name, server, marker, machine, checked_at, rebuilt, rebuilding)
            VALUES (1, ?, ?, ?, ?, ?, ?, ?)
            """,
          arguments: [
            identity.account, identity.server, identity.marker, identity.machine, now, isRebuilt ? now : nil, isRebuilt,
          ])
      }
      // Closing the last connection brings the log into the database and removes it.
      try queue.close()
      try Step.pass(.rename, "state", path: path)
      guard rename(draft, path) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
      try Self.syncDirectory(of: path)
    } catch let error as DatabaseError {
      throw StateError(database: error, path: path)
    } catch let error as CocoaError {
      throw StateError(
        .refused, path: path, what: error.localizedDescription, remedy: "check the directory's permissions")
    } catch let error as POSIXError {
      throw StateError(
        .refused, path: path, what: error.localizedDescription, remedy: "check the disk and its permissions")
    }
  }

  /// Gives a database that can't be used, or what is left of one, another name beside it; nothing is overwritten. Returns
  /// the name; nil where there was nothing.
  package static func setAside(at path: String, stamp: String) throws -> String? {
    let ends = ["", "-wal", "-shm"].filter { FileManager.default.fileExists(atPath: path + $0) }
    guard !ends.isEmpty else { return nil }
    var aside = path + ".damaged-" + stamp
    var number = 1
    while ["", "-wal", "-shm"].contains(where: { FileManager.default.fileExists(atPath: aside + $0) }) {
      number += 1
      aside = path + ".damaged-\(stamp)-\(number)"
    }
    do {
      // The log first: a database without its log is an older one, a log without its database nothing.
      for end in ends.reversed() {
        try Step.pass(.rename, "aside", path: path + end)
        guard rename(path + end, aside + end) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
      }
      try syncDirectory(of: path)
    } catch let error as POSIXError {
      throw StateError(
        .refused, path: path, what: error.localizedDescription, remedy: "check the disk and its permissions")
    }
    return aside
  }

  private static func syncDirectory(of path: String) throws {
    let descriptor = Glibc.open((path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    defer { Glibc.close(descriptor) }
    try Step.pass(.syncDirectory, "state", path: path)
    guard fsync(descriptor) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
  }

  /// Opens an existing database, checks it, and notes that a session has begun.
  package static func open(at path: String, boot: String, now: Int64) throws -> AccountState {
    try refuseCutShort(path)
    do {
      let queue = try openQueue(at: path)
      try queue.writeWithoutTransaction { db in
        let synchronous = try Int.fetchOne(db, sql: "PRAGMA synchronous")
        guard synchronous == 2 else {
          throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "synchronous is not FULL")
        }
      }
      try Schema.migrator.migrate(queue)
      let opening = try Self.write(path, queue) { db -> (AccountIdentity, Int64, Int64?) in
        guard let row = try Row.fetchOne(db, sql: "SELECT * FROM account") else {
          throw StateError.damaged(path, "it has no account row")
        }
        let wasClosed: Bool = row["closed"]
        let session: Int64 = row["session"]
        if !wasClosed || now - (row["checked_at"] as Int64) > 7 * 86_400 {
          let answer = try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
          guard answer == "ok" else { throw StateError.damaged(path, answer ?? "no answer to quick_check") }
          try db.execute(sql: "UPDATE account SET checked_at = ?", arguments: [now])
        }
        try db.execute(sql: "UPDATE account SET session = session + 1, boot = ?, closed = 0", arguments: [boot])
        let identity = AccountIdentity(
          account: row["name"], server: row["server"], marker: row["marker"], machine: row["machine"])
        var suspect: Int64? = row["suspect"]
        if suspect == nil, !wasClosed, session > 0, (row["boot"] as String) != boot {
          suspect = session
          try db.execute(sql: "UPDATE account SET suspect = ?", arguments: [session])
        }
        return (identity, session + 1, suspect)
      }
      return AccountState(path: path, queue: queue, identity: opening.0, session: opening.1, lost: opening.2)
    } catch let error as DatabaseError {
      throw StateError(database: error, path: path)
    }
  }

  /// Opens for reading alone, beside a running process; for `status` and its like. A state that an earlier version
  /// wrote is read in a copy that has all that this one knows of.
  package static func openReadOnly(at path: String) throws -> AccountState {
    try refuseCutShort(path)
    do {
      var configuration = Configuration()
      configuration.readonly = true
      configuration.busyMode = .timeout(5)
      let queue = try upToDate(DatabaseQueue(path: path, configuration: configuration))
      let identity = try queue.read { db -> AccountIdentity in
        guard let row = try Row.fetchOne(db, sql: "SELECT * FROM account") else {
          throw StateError.damaged(path, "it has no account row")
        }
        return AccountIdentity(
          account: row["name"], server: row["server"], marker: row["marker"], machine: row["machine"])
      }
      return AccountState(path: path, queue: queue, identity: identity, session: 0, lost: nil)
    } catch let error as DatabaseError {
      throw StateError(database: error, path: path)
    }
  }

  private static func upToDate(_ queue: DatabaseQueue) throws -> DatabaseQueue {
    guard try !queue.read(Schema.migrator.hasCompletedMigrations) else { return queue }
    // Without a name it is a file of SQLite's own, which goes when it is closed.
    let copy = try DatabaseQueue(path: "")
    try queue.backup(to: copy)
    try queue.close()
    try Schema.migrator.migrate(copy)
    return copy
  }

  /// Whether a power cut may have taken or emptied the file of a row that this session settled.
  package func isSuspect(session: Int64) -> Bool {
    sessionLostToPowerCut.map { session >= $0 && session < self.session } ?? false
  }

  /// Every folder was looked at since the power cut.
  package func clearSuspicion() async throws {
    guard sessionLostToPowerCut != nil else { return }
    try await write { db in try db.execute(sql: "UPDATE account SET suspect = NULL") }
  }

  /// Notes that everything is settled and closes the file.
  package func close() async throws {
    try await write { db in try db.execute(sql: "UPDATE account SET closed = 1") }
    try queue.close()
  }

  /// A transaction; its commit is a failpoint and durable when this returns.
  func write<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    defer { Pulse.beat() }
    do {
      return try await queue.write { db in
        let value = try body(db)
        try Step.pass(.databaseCommit)
        return value
      }
    } catch let error as DatabaseError {
      throw StateError(database: error, path: path)
    }
  }

  /// Lets go of pages and statements that can be had again.
  package func releaseMemory() async { try? await queue.writeWithoutTransaction { $0.releaseMemory() } }

  func read<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
    defer { Pulse.beat() }
    do {
      return try await queue.read(body)
    } catch let error as DatabaseError {
      throw StateError(database: error, path: path)
    }
  }

  private static func write<T>(_ path: String, _ queue: DatabaseQueue, _ body: (Database) throws -> T) throws -> T {
    do {
      return try queue.write { db in
        let value = try body(db)
        try Step.pass(.databaseCommit)
        return value
      }
    } catch let error as DatabaseError {
      throw StateError(database: error, path: path)
    }
  }

  private static func openQueue(at path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.journalMode = .wal
    configuration.busyMode = .timeout(10)
    configuration.foreignKeysEnabled = true
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.writeWithoutTransaction { db in
      // GRDB sets NORMAL when it opens WAL, with which a commit is not durable.
      try db.execute(sql: "PRAGMA synchronous = FULL")
      try db.execute(sql: "PRAGMA cache_size = -2048")
      try db.execute(sql: "PRAGMA temp_store = MEMORY")
    }
    chmod(path, 0o600)
    return queue
  }

  /// SQLite takes an empty file for a new database and notices a lost tail only when it reads there.
  private static func refuseCutShort(_ path: String) throws {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw StateError(.missing, path: path, what: "the state cannot be opened", remedy: "check its permissions")
    }
    defer { try? handle.close() }
    let header = (try? handle.read(upToCount: 100)) ?? Data()
    let size = (try? handle.seekToEnd()) ?? 0
    guard header.count == 100, header.starts(with: Data("SQLite format 3\0".utf8)) else {
      throw StateError.damaged(path, "it is not a database any more")
    }
    let log = (try? FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? UInt64) ?? 0
    let pageSize = UInt64(header[16]) << 8 | UInt64(header[17])
    let pages = header[28..<32].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    if log == 0, size < pages * (pageSize == 1 ? 65_536 : pageSize) {
      throw StateError.damaged(path, "it was cut short")
    }
  }
}

/// What ties a database to its Maildir and its server; the root marker holds the same.
package struct AccountIdentity: Sendable, Equatable {
  package let account: String
  package let server: String
  package let marker: String
  package let machine: String

  package init(account: String, server: String, marker: String, machine: String) {
    self.account = account
    self.server = server
    self.marker = marker
    self.machine = machine
  }
}

extension StateError {
  static func damaged(_ path: String, _ what: String) -> StateError {
    StateError(
      .damaged, path: path, what: "the state database is damaged (\(what)); nothing was changed",
      remedy: "the next sync sets it aside and makes a new one for the mail that is here")
  }

  init(database error: DatabaseError, path: String) {
    let message = error.message ?? "SQLite error \(error.resultCode.rawValue)"
    switch error.resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged(path, message)
    case .SQLITE_FULL:
      self.init(.writeFailed, path: path, what: "no room for the state", remedy: "free some disk space")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      self.init(.inUse, path: path, what: "another program holds the state", remedy: "end that program")
    case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
      self.init(
        .refused, path: path, what: "the state cannot be written (\(message))",
        remedy: "check the permissions of its directory")
    default:
      self.init(.writeFailed, path: path, what: "the state failed: \(message)", remedy: "check the disk")
    }
  }
}
