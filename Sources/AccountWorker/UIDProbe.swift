import MailConnections
import MailModel
import SyncState

/// Notices that UIDs name other messages although UIDVALIDITY is the same (a server restored from a backup, a bridge
/// that lost its index): a few known messages must still have the dates that they had.
struct UIDProbe: Sendable {
  let connection: IMAPConnection
  let state: AccountState
  let mailbox: Int64

  /// Why the UIDs cannot be trusted; nil when the samples are as they were, or are gone.
  func mismatch() async throws -> String? {
    let samples = try await state.samples(of: mailbox)
    let uids = UIDSet(samples.compactMap(\.uid))
    guard !uids.isEmpty else { return nil }
    let seen = SeenDates()
    _ = try await connection.fetchAttributes(uids, [.internalDate, .size]) { batch in await seen.add(batch) }
    let now = await seen.messages
    for sample in samples {
      guard let uid = sample.uid, let message = now[uid], let date = message.internalDate else { continue }
      let sizeDiffers = message.rfc822Size.map { Int64($0) != (sample.rfc822Size ?? Int64($0)) } ?? false
      if date.seconds != sample.internalDate, sizeDiffers {
        return "UID \(uid) is another message now although UIDVALIDITY did not change"
      }
    }
    return nil
  }
}

private actor SeenDates {
  private(set) var messages: [UID: MessageAttributes] = [:]

  func add(_ batch: [MessageAttributes]) {
    for message in batch where messages.count < 16 { if let uid = message.uid { messages[uid] = message } }
  }
}
