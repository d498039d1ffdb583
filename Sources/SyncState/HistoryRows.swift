import Foundation
import GRDB
import MailModel

/// What happened to a message.
package enum HistoryEvent: String, Sendable {
  case uploaded, copied, moved, replaced, deleted, quarantined, restored, held, approved, rejected, forgotten
  case flagsChanged = "flags changed"
  case refetched = "fetched again"
}

/// On whose word it happened.
package enum HistoryCause: String, Sendable {
  /// Somebody did it on the server.
  case server
  /// Somebody did it in the folder.
  case folder
  /// A command of the person's.
  case person
  /// Our own doing: a repair, a rebuilt state.
  case sync
}

/// Written in the transaction that does what it tells of.
enum History {
  /// Notes an event of a message that has a row.
  static func note(
    _ event: HistoryEvent, of message: Int64, cause: HistoryCause, detail: String = "", now: Int64, _ db: Database
  ) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO history (at, event, cause, mailbox, uid, base_name, content_digest, detail)
        SELECT ?, ?, ?, mailbox.name, message.uid, message.base_name, message.content_digest, ?
        FROM message JOIN mailbox ON mailbox.id = message.mailbox WHERE message.id = ?
        """
    ).execute(arguments: [now, event.rawValue, cause.rawValue, detail, message])
  }

  /// Notes an event of a mailbox, or of a file that has no row.
  static func note(
    _ event: HistoryEvent, mailbox: Int64, baseName: [UInt8]? = nil, content: Digest? = nil, cause: HistoryCause,
    detail: String = "", now: Int64, _ db: Database
  ) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO history (at, event, cause, mailbox, base_name, content_digest, detail)
        SELECT ?, ?, ?, name, ?, ?, ? FROM mailbox WHERE id = ?
        """
    ).execute(arguments: [
      now, event.rawValue, cause.rawValue, baseName.map { Data($0) }, content.map { Data($0.bytes) }, detail, mailbox,
    ])
  }
}
