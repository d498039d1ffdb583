import GRDB
import MailModel

/// What `status` prints, read in one transaction.
package struct AccountSummary: Sendable {
  package struct Mailbox: Sendable {
    package let record: MailboxRecord
    package let messages: Int
    package let unseen: Int
    package let pendingLocal: Int
    package let unfetched: Int
  }

  package let lastSuccess: Int64?
  package let problem: Problem?
  package let mailboxes: [Mailbox]
  package let quarantined: Int
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
      let mailboxes = try Row.fetchAll(
        db,
        sql: """
          SELECT mailbox.*,
            (SELECT count(*) FROM message WHERE message.mailbox = mailbox.id AND state = 1 AND pending & 1 = 0)
              AS messages,
            (SELECT count(*) FROM message WHERE message.mailbox = mailbox.id AND state = 1 AND flags & 1 = 0)
              AS unseen,
            (SELECT count(*) FROM message WHERE message.mailbox = mailbox.id AND pending <> 0) AS pending_messages,
            (SELECT count(*) FROM unfetched WHERE unfetched.mailbox = mailbox.id) AS unfetched
          FROM mailbox ORDER BY folder
          """
      ).map { row -> AccountSummary.Mailbox in
        let record = MailboxRecord(row: row)
        return AccountSummary.Mailbox(
          record: record, messages: row["messages"], unseen: row["unseen"],
          pendingLocal: (row["pending_messages"] as Int) + record.localNew, unfetched: row["unfetched"])
      }
      return AccountSummary(
        lastSuccess: account?["last_success"], problem: account.flatMap { Problem(row: $0) }, mailboxes: mailboxes,
        quarantined: try Int.fetchOne(db, sql: "SELECT count(*) FROM quarantined") ?? 0)
    }
  }
}
