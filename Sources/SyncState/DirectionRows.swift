import GRDB
import MailModel

/// Whether changes made here are sent, and what becomes of those made while they were not.
extension AccountState {
  /// That of the last run; nil before the first.
  package func isTwoWay() async throws -> Bool? {
    try await read { db in
      try String.fetchOne(db, sql: "SELECT direction FROM account").map { $0 == "two-way" }
    }
  }

  package func setDirection(isTwoWay: Bool) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE account SET direction = ?", arguments: [isTwoWay ? "two-way" : "pull"])
    }
  }

  /// Puts all local changes under a hold, one for each mailbox: they were made while nothing was sent. Returns how many
  /// there are.
  package func holdAllPending(reason: String, now: Int64) async throws -> Int {
    try await write { db in
      var count = 0
      for mailbox in try Int64.fetchAll(db, sql: "SELECT id FROM mailbox ORDER BY id") {
        let messages = try Int64.fetchAll(
          db, sql: "SELECT id FROM message WHERE mailbox = ? AND pending <> 0 AND state = 1 AND remote = 1",
          arguments: [mailbox])
        let files = try Row.fetchAll(
          db, sql: "SELECT * FROM local_file WHERE mailbox = ? AND refused IS NULL", arguments: [mailbox]
        ).compactMap(LocalFile.init(row:))
        guard !messages.isEmpty || !files.isEmpty else { continue }
        count += messages.count + files.count
        try Self.hold(messages, files: files, in: mailbox, kind: HoldKind.pull.rawValue, reason: reason, now: now, db)
      }
      return count
    }
  }
}
