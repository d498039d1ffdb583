import GRDB
import MailModel

/// What `status` prints, read in one transaction.
package struct AccountSummary: Sendable {
  package struct Mailbox: Sendable {
    package var record: MailboxRecord
    package let messages: Int
    package let unseen: Int
    package let pendingLocal: Int
    package let unfetched: Int
  }

  package var lastSuccess: Int64?
  package var problem: Problem?
  package var mailboxes: [Mailbox]
  package var quarantined: Int
  /// When the state was made anew for mail that was here, in the last week or while that is being matched.
  package var rebuilt: Int64?
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
      return AccountSummary(
        lastSuccess: account?["last_success"], problem: account.flatMap { Problem(row: $0) },
        mailboxes: try Row.fetchAll(db, sql: Self.mailboxSummaries + " ORDER BY folder")
          .map(AccountSummary.Mailbox.init(row:)),
        quarantined: try Int.fetchOne(db, sql: "SELECT count(*) FROM quarantined") ?? 0,
        rebuilt: try Int64.fetchOne(
          db, sql: "SELECT rebuilt FROM account WHERE rebuilding = 1 OR rebuilt > unixepoch() - 7 * 86400"))
    }
  }

  /// One mailbox of the summary; reads its rows alone.
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
      (SELECT count(*) FROM message WHERE message.mailbox = mailbox.id AND state = 1 AND pending & 1 = 0)
        AS messages,
      (SELECT count(*) FROM message WHERE message.mailbox = mailbox.id AND state = 1 AND pending & 1 = 0 AND flags & 1 = 0)
        AS unseen,
      (SELECT count(*) FROM message WHERE message.mailbox = mailbox.id AND pending <> 0) AS pending_messages,
      (SELECT count(*) FROM unfetched WHERE unfetched.mailbox = mailbox.id) AS unfetched
    FROM mailbox
    """
}

extension AccountSummary.Mailbox {
  init(row: Row) {
    let record = MailboxRecord(row: row)
    self.init(
      record: record, messages: row["messages"], unseen: row["unseen"],
      pendingLocal: (row["pending_messages"] as Int) + record.localNew, unfetched: row["unfetched"])
  }
}
