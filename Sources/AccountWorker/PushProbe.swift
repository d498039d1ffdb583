import Crypto
import MailConnections
import MailModel
import SyncState

/// Before anything is done to messages by their UIDs: are they still those messages? A server that was restored from a
/// backup, or a bridge that lost its index, may give the UIDs to others although UIDVALIDITY is the same (Q3).
struct PushProbe: Sendable {
  let target: PushTarget

  /// What a hold says where a UID names another message; nil where all that are there are what they were.
  func mismatch(_ rows: [MessageRecord]) async throws -> String? {
    let wanted = Dictionary(
      rows.compactMap { row in row.uid.map { ($0, row) } }, uniquingKeysWith: { first, _ in first })
    guard !wanted.isEmpty else { return nil }
    let doubts = Doubts()
    _ = try await target.connection.fetchAttributes(UIDSet(wanted.keys), [.internalDate, .size]) { batch in
      for message in batch {
        guard let uid = message.uid, let row = wanted[uid] else { continue }
        let dateDiffers = differ(message.internalDate?.seconds, row.internalDate)
        let sizeDiffers = differ(message.rfc822Size.map { Int64(clamping: $0) }, row.rfc822Size)
        if dateDiffers && sizeDiffers {
          await doubts.confirm(uid)
        } else if dateDiffers || sizeDiffers {
          await doubts.add(uid)
        }
      }
    }
    // Some servers are wrong about sizes, and some give a copy another date: the header tells.
    let doubtful = await doubts.uids
    if !doubtful.isEmpty, await doubts.confirmed == nil {
      _ = try await target.connection.fetchAttributes(doubtful, [.header]) { batch in
        for message in batch {
          guard let uid = message.uid, let row = wanted[uid], let header = message.headerBytes else { continue }
          var sha = SHA256()
          header.withUnsafeBytes { sha.update($0) }
          if Digest(sha.finish()) != row.digests.header { await doubts.confirm(uid) }
        }
      }
    }
    return await doubts.confirmed.map { "UID \($0) is another message now although UIDVALIDITY did not change" }
  }

  private func differ(_ server: Int64?, _ known: Int64?) -> Bool {
    guard let server, let known else { return false }
    return server != known
  }
}

private actor Doubts {
  private(set) var uids = UIDSet()
  private(set) var confirmed: UID?
  func add(_ uid: UID) { uids.insert(uid) }
  func confirm(_ uid: UID) { confirmed = confirmed ?? uid }
}
