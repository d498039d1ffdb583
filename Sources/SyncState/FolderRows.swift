import Foundation
import GRDB
import MailModel

/// Mailboxes and folders that are renamed or go away (DESIGN.md section 4, mailboxes).
extension AccountState {
  /// A mailbox's new name, its new folder, or both.
  package struct Relinking: Sendable {
    package var mailbox: Int64
    package var name: MailboxName
    package var folder: String

    package init(mailbox: Int64, name: MailboxName, folder: String) {
      self.mailbox = mailbox
      self.name = name
      self.folder = folder
    }
  }

  /// Rows follow their mailboxes and folders, all in one transaction.
  package func relink(_ changes: [Relinking], cause: HistoryCause, detail: String, now: Int64) async throws {
    guard let first = changes.first else { return }
    try await write { db in
      for change in changes {
        try db.execute(
          sql: "UPDATE mailbox SET name = ?, folder = ?, unlisted = 0, problem = NULL, remedy = NULL WHERE id = ?",
          arguments: [Data(change.name.wire), change.folder, change.mailbox])
      }
      try History.note(.moved, mailbox: first.mailbox, cause: cause, detail: detail, now: now, db)
    }
  }

  // MARK: A folder that was removed here

  /// The mailbox waits for the person's word with all of its messages.
  package func holdRemovedFolder(_ mailbox: Int64, kind: String, reason: String, now: Int64) async throws {
    try await write { db in
      let messages = try Int64.fetchAll(
        db, sql: "SELECT id FROM message WHERE mailbox = ? AND state = 1", arguments: [mailbox])
      try Self.hold(messages, files: [], in: mailbox, kind: kind, reason: reason, now: now, db)
      if messages.isEmpty {
        try History.note(.held, mailbox: mailbox, cause: .sync, detail: reason, now: now, db)
      }
      try db.execute(
        sql: "UPDATE message SET pending = pending | 1, missing_since = 0 WHERE mailbox = ? AND state = 1",
        arguments: [mailbox])
      try db.execute(
        sql: "UPDATE mailbox SET removal = 1, problem = NULL, remedy = NULL, problem_since = NULL WHERE id = ?",
        arguments: [mailbox])
    }
  }

  /// The folder that was missed is there again: what it holds is read anew.
  package func folderIsBack(_ mailbox: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE message SET pending = pending & ~1, missing_since = NULL WHERE mailbox = ? AND state = 1",
        arguments: [mailbox])
      try db.execute(sql: "UPDATE mailbox SET removal = 0, scan_began = 0 WHERE id = ?", arguments: [mailbox])
      try Self.drop("mailbox = \(mailbox) AND kind = 'folder'", db)
    }
  }

  /// The mailbox is one like any other: it is not removed.
  package func keepMailbox(_ mailbox: Int64) async throws {
    try await write { db in
      try db.execute(sql: "UPDATE mailbox SET removal = 0, private_name = NULL WHERE id = ?", arguments: [mailbox])
    }
  }

  /// The person has agreed: the messages that the hold named are to go, any other is fetched again. The folder is about
  /// to be made again for as long as that takes.
  package func approveRemoval(of mailbox: Int64, now: Int64) async throws {
    try await write { db in
      for message in try Int64.fetchAll(
        db, sql: "SELECT id FROM message WHERE mailbox = ? AND state = 1 AND approved = 0", arguments: [mailbox])
      {
        try MessageEnding(
          message, .refetched, cause: .sync, detail: "its folder was removed here, but the hold did not name it"
        ).note(now: now, db)
        try db.execute(sql: "DELETE FROM message WHERE id = ?", arguments: [message])
      }
      try db.execute(
        sql: "UPDATE message SET pending = pending | 1, missing_since = 0 WHERE mailbox = ? AND state = 1",
        arguments: [mailbox])
      try db.execute(sql: "DELETE FROM local_file WHERE mailbox = ?", arguments: [mailbox])
      try db.execute(
        sql: """
          UPDATE mailbox SET removal = 2, local_new = 0, scan_began = NULL, uid_next = NULL, highest_modseq = NULL,
            message_count = NULL WHERE id = ?
          """, arguments: [mailbox])
    }
  }

  /// Whether the person has agreed to what is pending for messages of the mailbox.
  package func hasApproved(_ mailbox: Int64) async throws -> Bool {
    try await read { db in
      try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM message WHERE mailbox = ? AND approved = 1)", arguments: [mailbox])
        ?? false
    }
  }

  /// Commits, before the mailbox gets it, the name under which it is deleted; nil where it has its own name again.
  package func setPrivateName(_ name: MailboxName?, of mailbox: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: "UPDATE mailbox SET private_name = ? WHERE id = ?", arguments: [name.map { Data($0.wire) }, mailbox])
    }
  }

  // MARK: Mailboxes that go

  /// What a mailbox and its folder hold, as far as is known.
  package func contents(of mailbox: Int64) async throws -> MailboxContents {
    try await read { db in
      let row = try Row.fetchOne(
        db,
        sql: """
          SELECT
            (SELECT count(*) FROM message WHERE mailbox = ?1) AS messages,
            (SELECT count(*) FROM message WHERE mailbox = ?1 AND (state <> 1 OR pending & 1 = 0)) AS present,
            (SELECT count(*) FROM message WHERE mailbox = ?1 AND state = 1 AND remote = 1) AS remote,
            (SELECT count(*) FROM local_file WHERE mailbox = ?1) AS files,
            (SELECT count(*) FROM unfetched WHERE mailbox = ?1) AS unfetched,
            (SELECT count(*) FROM intent WHERE mailbox = ?1) AS intents
          """, arguments: [mailbox])
      return MailboxContents(
        messages: row?["messages"] ?? 0, present: row?["present"] ?? 0, remote: row?["remote"] ?? 0,
        files: row?["files"] ?? 0, unfetched: row?["unfetched"] ?? 0, intents: row?["intents"] ?? 0)
    }
  }

  /// Rows of messages that the server has, as far as the last view of the mailbox says.
  package func remoteMessages(of mailbox: Int64) async throws -> [Int64] {
    try await read { db in
      try Int64.fetchAll(
        db, sql: "SELECT id FROM message WHERE mailbox = ? AND state = 1 AND remote = 1", arguments: [mailbox])
    }
  }

  /// Rows of messages that left with their mailbox and are not known to be anywhere else.
  package func departedMessages(of mailbox: Int64) async throws -> [Int64] {
    try await read { db in
      try Int64.fetchAll(
        db, sql: "SELECT id FROM message WHERE mailbox = ? AND state = 1 AND departed IS NOT NULL",
        arguments: [mailbox])
    }
  }

  /// The mailboxes whose removal has nothing more to wait for.
  package func mailboxesToRemove() async throws -> [Int64] {
    try await read { db in
      try Int64.fetchAll(
        db,
        sql: """
          SELECT id FROM mailbox WHERE (removal = 2 OR (removal = 0 AND unlisted >= 2))
            AND NOT EXISTS (SELECT 1 FROM message WHERE message.mailbox = mailbox.id)
          """)
    }
  }

  /// Forgets a mailbox that is gone on both sides. What was removed from it still counts for the account.
  package func forgetMailbox(_ mailbox: Int64, cause: HistoryCause, detail: String, now: Int64) async throws {
    try await write { db in
      try History.note(.forgotten, mailbox: mailbox, cause: cause, detail: detail, now: now, db)
      for message in try Int64.fetchAll(
        db, sql: "SELECT id FROM message WHERE mailbox = ? AND state = 1", arguments: [mailbox])
      {
        try History.note(.forgotten, of: message, cause: cause, detail: detail, now: now, db)
      }
      // Ids are given again: no later mailbox inherits these numbers.
      try db.execute(sql: "UPDATE removal SET mailbox = -mailbox WHERE mailbox = ?", arguments: [mailbox])
      for table in ["intent", "message", "local_file", "unfetched", "hold"] {
        try db.execute(sql: "DELETE FROM \(table) WHERE mailbox = ?", arguments: [mailbox])
      }
      try db.execute(sql: "DELETE FROM mailbox WHERE id = ?", arguments: [mailbox])
    }
  }

  // MARK: Folders that no mailbox could be made for

  /// When the server last refused a folder's mailbox; seconds since 1970.
  package func refusedFolders() async throws -> [String: Int64] {
    try await read { db in
      Dictionary(
        try Row.fetchAll(db, sql: "SELECT folder, at FROM refused_folder").map { ($0["folder"], $0["at"]) },
        uniquingKeysWith: { first, _ in first })
    }
  }

  package func refuseFolder(_ folder: String, reason: String, now: Int64) async throws {
    try await write { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO refused_folder (folder, reason, at) VALUES (?, ?, ?)",
        arguments: [folder, reason, now])
    }
  }

  /// The folder has its mailbox, or is gone.
  package func acceptFolders(_ folders: [String]) async throws {
    guard !folders.isEmpty else { return }
    try await write { db in
      for folder in folders {
        try db.execute(sql: "DELETE FROM refused_folder WHERE folder = ?", arguments: [folder])
      }
    }
  }
}

/// What a mailbox and its folder hold, as far as is known.
package struct MailboxContents: Sendable {
  /// Rows of any kind.
  package let messages: Int
  /// Rows that nobody deleted here.
  package let present: Int
  /// Rows of messages that the server has.
  package let remote: Int
  /// Files without a row.
  package let files: Int
  package let unfetched: Int
  package let intents: Int

  package var isNothing: Bool { messages + files + unfetched + intents == 0 }
}
