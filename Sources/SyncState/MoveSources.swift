import Foundation
import GRDB
import MailModel

/// Where a message that appears in a mailbox may come from.
package struct MoveSources: Hashable, Sendable {
  /// The other mailboxes that the server was last known to have it in.
  package var mailboxes: Set<Int64> = []
  /// Those that are known to have lost it, to nobody knows where.
  package var departed: Set<Int64> = []

  package init() {}
}

extension AccountState {
  /// By header digest: where else such messages are or were. Not in mailboxes that show messages of all others (RFC
  /// 6154, \All and \Flagged).
  package func sources(of headers: [Digest], besides mailbox: Int64) async throws -> [Digest: MoveSources] {
    try await read { db in
      let statement = try db.cachedStatement(
        sql: """
          SELECT mailbox.id, message.departed IS NOT NULL FROM mailbox
            CROSS JOIN message INDEXED BY message_header_digest
              ON message.mailbox = mailbox.id AND message.header_digest = ?
          WHERE mailbox.id <> ? AND lower(coalesce(mailbox.special_use, '')) NOT IN ('\\all', '\\flagged')
            AND (message.remote = 1 AND message.uid IS NOT NULL OR message.departed IS NOT NULL)
          """)
      var found: [Digest: MoveSources] = [:]
      for header in headers {
        for row in try Row.fetchAll(statement, arguments: [Data(header.bytes), mailbox]) {
          let place: WritableKeyPath<MoveSources, Set<Int64>> = row[1] ? \.departed : \.mailboxes
          found[header, default: MoveSources()][keyPath: place].insert(row[0])
        }
      }
      return found
    }
  }
}
