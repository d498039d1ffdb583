import Crypto
import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// Finds rows for messages whose UIDs are new although the messages are not: UIDVALIDITY changed. Only headers are
/// fetched; what has no match by EMAILID, or header digest with size and INTERNALDATE, is left to a download.
struct Rematch: Sendable {
  let connection: IMAPConnection
  let state: AccountState
  let mailbox: Int64

  /// The UIDs that were given to rows.
  func run(_ uids: UIDSet) async throws -> UIDSet {
    var items: FetchItems = [.size, .internalDate, .header]
    if connection.capabilities.hasObjectID { items.insert(.emailID) }
    let matches = Matches()
    for batch in uids.batches(of: 500, newestFirst: false) {
      _ = try await connection.fetchAttributes(batch, items) { messages in
        let pairs = try await pairs(for: messages)
        try await state.pair(pairs)
        await matches.add(pairs.map(\.uid))
      }
    }
    return await matches.uids
  }

  private func pairs(for messages: [MessageAttributes]) async throws -> [(message: Int64, uid: UID)] {
    var taken: Set<Int64> = []
    var pairs: [(message: Int64, uid: UID)] = []
    for message in messages {
      guard let uid = message.uid, let header = message.headerBytes else { continue }
      var sha = SHA256()
      header.withUnsafeBytes { sha.update($0) }
      guard let digest = Digest(sha.finish()) else { continue }
      let rows = try await state.unpaired(headerDigest: digest, in: mailbox).filter { !taken.contains($0.id) }
      let identity = ContentIdentity(
        emailID: message.emailID, headerDigest: digest, size: message.rfc822Size.flatMap { Int64(exactly: $0) },
        internalDate: message.internalDate?.seconds)
      let candidates = rows.map { row in
        (
          row: row.id,
          identity: ContentIdentity(
            emailID: row.emailID, headerDigest: row.digests.header, size: row.rfc822Size,
            internalDate: row.internalDate),
          content: row.digests.content
        )
      }
      guard let row = SyncPlanner.match(identity, among: candidates) else { continue }
      taken.insert(row)
      pairs.append((row, uid))
    }
    return pairs
  }
}

private actor Matches {
  private(set) var uids = UIDSet()
  func add(_ found: [UID]) { for uid in found { uids.insert(uid) } }
}
