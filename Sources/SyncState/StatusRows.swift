import GRDB
import MailModel

/// What `status` prints, read in one transaction.
package struct AccountSummary: Sendable {
  package struct Mailbox: Sendable {
    package var record: MailboxRecord
    package fileprivate(set) var messages: Int
    package fileprivate(set) var unseen: Int
    package fileprivate(set) var pendingLocal: Int
    package let unfetched: Int
  }

  package var lastSuccess: Int64?
  package var problem: Problem?
  package var mailboxes: [Mailbox]
  package var quarantined: Int
  /// Of a POP3 account.
  package var maildrop: MaildropSummary?
  /// When the state was made anew for mail that was here, in the last week or while that is being matched.
  package var rebuilt: Int64?
}

/// A maildrop as the last session left it.
package struct MaildropSummary: Sendable {
  /// The mailbox that gets its messages.
  package let mailbox: Int64
  /// On the server.
  package let left: Int
  /// Fetched so far in all.
  package let drained: Int
  /// Of those on the server, over the size limit.
  package let tooLarge: Int
  /// In the folder, and those of them without the Seen flag.
  package let files: Int
  package let unseen: Int
}

extension AccountState {
  /// Local changes that wait, in the whole account; costs nothing when there are none.
  package func pendingLocalCount() async throws -> Int {
    try await read { db in
      let changed = try Int.fetchOne(
        db, sql: "SELECT count(*) FROM message INDEXED BY message_pending WHERE pending <> 0")
      return (changed ?? 0) + (try Int.fetchOne(db, sql: "SELECT sum(local_new) FROM mailbox") ?? 0)
    }
  }

  package func summary() async throws -> AccountSummary {
    try await read { db in
      let account = try Row.fetchOne(db, sql: "SELECT * FROM account")
      var summary = AccountSummary(
        lastSuccess: account?["last_success"], problem: account.flatMap { Problem(row: $0) },
        mailboxes: try Row.fetchAll(db, sql: Self.mailboxSummaries + " ORDER BY folder")
          .map(AccountSummary.Mailbox.init(row:)),
        quarantined: try Int.fetchOne(db, sql: "SELECT count(*) FROM quarantined") ?? 0,
        rebuilt: try Int64.fetchOne(
          db, sql: "SELECT rebuilt FROM account WHERE rebuilding = 1 OR rebuilt > unixepoch() - 7 * 86400"))
      guard let maildrop = try Self.maildropSummary(db) else { return summary }
      summary.maildrop = maildrop
      // What was drained is the folder's own: its rows do not say how many it has.
      for place in summary.mailboxes.indices where summary.mailboxes[place].record.id == maildrop.mailbox {
        summary.mailboxes[place].messages = maildrop.files
        summary.mailboxes[place].unseen = maildrop.unseen
        summary.mailboxes[place].pendingLocal = 0
      }
      return summary
    }
  }

  private static func maildropSummary(_ db: Database) throws -> MaildropSummary? {
    try Row.fetchOne(
      db,
      sql: """
        SELECT mailbox, left_there, too_large, files, unseen, gone + (SELECT count(*) FROM drained JOIN message
            ON message.mailbox = drained.mailbox AND message.uid = drained.id WHERE state = 1) AS drained
        FROM maildrop
        """
    ).map { row in
      MaildropSummary(
        mailbox: row["mailbox"], left: row["left_there"], drained: row["drained"], tooLarge: row["too_large"],
        files: row["files"], unseen: row["unseen"])
    }
  }

  /// One mailbox of the summary.
  package func summary(of mailbox: Int64) async throws -> AccountSummary.Mailbox? {
    try await read { db in
      try Row.fetchOne(db, sql: Self.mailboxSummaries + " WHERE mailbox.id = ?", arguments: [mailbox])
        .map(AccountSummary.Mailbox.init(row:))
    }
  }

  /// The summary without its mailboxes.
  package func accountSummary() async throws -> AccountSummary {
    try await read { db in
      let account = try Row.fetchOne(db, sql: "SELECT * FROM account")
      return AccountSummary(
        lastSuccess: account?["last_success"], problem: account.flatMap { Problem(row: $0) }, mailboxes: [],
        quarantined: try Int.fetchOne(db, sql: "SELECT count(*) FROM quarantined") ?? 0,
        rebuilt: try Int64.fetchOne(
          db, sql: "SELECT rebuilt FROM account WHERE rebuilding = 1 OR rebuilt > unixepoch() - 7 * 86400"))
    }
  }

  private static let mailboxSummaries = """
    SELECT mailbox.*,
      (SELECT count(*) FROM message WHERE message.mailbox = mailbox.id AND pending <> 0) AS pending_messages,
      (SELECT count(*) FROM unfetched WHERE unfetched.mailbox = mailbox.id)
        + (SELECT count(*) FROM drained WHERE drained.mailbox = mailbox.id AND reason IS NOT NULL
          AND absent_listing IS NULL AND NOT EXISTS (SELECT 1 FROM message
            WHERE message.mailbox = drained.mailbox AND message.uid = drained.id AND state = 1)) AS unfetched
    FROM mailbox
    """
}

extension AccountSummary.Mailbox {
  init(row: Row) {
    let record = MailboxRecord(row: row)
    self.init(
      record: record, messages: row["files"], unseen: row["unseen"],
      pendingLocal: (row["pending_messages"] as Int) + record.localNew, unfetched: row["unfetched"])
  }
}
