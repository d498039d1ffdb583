import GRDB

/// Holds whose cause is gone are dropped, and history tells it (DESIGN.md section 5).
extension AccountState {
  package func dropHold(_ hold: Int64) async throws {
    try await write { db in
      try Self.drop("id = \(hold)", db)
    }
  }

  /// Drops all holds of a kind.
  package func dropHolds(of kind: HoldKind) async throws {
    let isAny = try await read { db in
      try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM hold WHERE kind = ?)", arguments: [kind.rawValue])
    }
    guard isAny == true else { return }
    try await write { db in try Self.drop("kind = '\(kind.rawValue)'", db) }
  }

  /// Takes messages that the server has again out of their holds; a hold of removals with none left is dropped.
  static func releaseHeld(_ messages: [Int64], _ db: Database) throws {
    let approved = try db.cachedStatement(sql: "UPDATE message SET approved = 0 WHERE id = ? AND approved = 1")
    let isAnyHeld = try isAnyHeld(db)
    for message in messages {
      // What was approved for a message that had gone is not meant for one that is here.
      try approved.execute(arguments: [message])
      if isAnyHeld { try release(message, from: HoldKind.allCases, because: "the server has it", db) }
    }
    try dropEmptyHolds(db)
  }

  static func isAnyHeld(_ db: Database) throws -> Bool {
    try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM hold)") ?? false
  }

  /// Takes a message out of its holds of these kinds.
  static func release(_ message: Int64, from kinds: [HoldKind], because why: String, _ db: Database) throws {
    let list = kinds.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    let isHeld = try db.cachedStatement(
      sql: """
        SELECT 1 FROM hold_message JOIN hold ON hold.id = hold_message.hold
        WHERE hold_message.message = ? AND hold.kind IN (\(list))
        """)
    guard try Bool.fetchOne(isHeld, arguments: [message]) != nil else { return }
    try History.note(.released, of: message, cause: .sync, detail: "no longer held: \(why)", now: now(db), db)
    try db.cachedStatement(
      sql: "DELETE FROM hold_message WHERE message = ? AND hold IN (SELECT id FROM hold WHERE kind IN (\(list)))"
    ).execute(arguments: [message])
  }

  /// Holds whose causes are all gone.
  static func dropEmptyHolds(_ db: Database) throws {
    guard try isAnyHeld(db) else { return }
    try db.execute(
      sql: """
        DELETE FROM hold_file WHERE NOT EXISTS (SELECT 1 FROM local_file
          WHERE local_file.mailbox = hold_file.mailbox AND local_file.base_name = hold_file.base_name
            AND local_file.inode = hold_file.inode)
        """)
    try drop(
      """
      kind IN ('removals', 'deletions', 'trash', 'flags', 'uploads', 'append', 'pull')
        AND id NOT IN (SELECT hold FROM hold_message) AND id NOT IN (SELECT hold FROM hold_file)
      """, db)
  }

  /// Drops the holds of this condition; history tells it of each message that they list, or of the mailbox.
  static func drop(_ condition: String, _ db: Database) throws {
    for row in try Row.fetchAll(db, sql: "SELECT id, mailbox, reason FROM hold WHERE \(condition)") {
      let (id, mailbox, reason): (Int64, Int64, String) = (row["id"], row["mailbox"], row["reason"])
      let detail = "the cause of hold \(id) is gone: \(reason)"
      let now = try now(db)
      let messages = try Int64.fetchAll(
        db, sql: "SELECT message FROM hold_message WHERE hold = ?", arguments: [id])
      let files = try heldFiles(of: id, limit: .max, db)
      for message in messages {
        try History.note(.released, of: message, cause: .sync, detail: detail, now: now, db)
      }
      for file in files {
        try History.note(
          .released, mailbox: file.mailbox, baseName: file.baseName, content: file.digests.content, cause: .sync,
          detail: detail, now: now, db)
      }
      if messages.isEmpty, files.isEmpty {
        try History.note(.released, mailbox: mailbox, cause: .sync, detail: detail, now: now, db)
      }
      try db.execute(sql: "DELETE FROM hold WHERE id = ?", arguments: [id])
    }
  }

  /// Seconds since 1970.
  private static func now(_ db: Database) throws -> Int64 {
    try Int64.fetchOne(db, sql: "SELECT unixepoch()") ?? 0
  }
}
