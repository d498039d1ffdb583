import Foundation
import GRDB
import MailModel

/// The changes that the guards count (DESIGN.md section 5).
extension AccountState {
  /// Changes of this kind in the window of 24 hours: in this folder with its size when the window began, and in the
  /// account.
  package func recent(
    _ kind: GuardedKind, of mailbox: Int64, now: Int64
  ) async throws -> (folder: Int, sizeAtStart: Int?, account: Int) {
    try await read { db in
      let since = now - 86_400
      let row = try Row.fetchOne(
        db, sql: "SELECT sum(messages) AS n FROM removal WHERE kind = ? AND mailbox = ? AND at > ?",
        arguments: [kind.rawValue, mailbox, since])
      let size = try Int.fetchOne(
        db, sql: "SELECT folder_size FROM removal WHERE kind = ? AND mailbox = ? AND at > ? ORDER BY at, rowid LIMIT 1",
        arguments: [kind.rawValue, mailbox, since])
      let account = try Int.fetchOne(
        db, sql: "SELECT sum(messages) FROM removal WHERE kind = ? AND at > ?", arguments: [kind.rawValue, since])
      return (row?["n"] ?? 0, size, account ?? 0)
    }
  }

  /// Counts changes that were carried out.
  package func count(_ kind: GuardedKind, _ messages: Int, in mailbox: Int64, folderSize: Int, now: Int64) async throws
  {
    guard messages > 0 else { return }
    try await write { db in
      try db.execute(
        sql: "INSERT INTO removal (mailbox, at, messages, folder_size, kind) VALUES (?, ?, ?, ?, ?)",
        arguments: [mailbox, now, messages, folderSize, kind.rawValue])
      try db.execute(sql: "DELETE FROM removal WHERE at < ?", arguments: [now - 2 * 86_400])
    }
  }
}

/// What the guards count apart (DESIGN.md section 5).
package enum GuardedKind: Int, Sendable {
  case removalsHere, deletionsOnServer, flagsCleared, uploads
}
