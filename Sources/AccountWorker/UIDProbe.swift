import MailConnections
import MailModel
import SyncState

/// Notices that UIDs name other messages although UIDVALIDITY is the same (a server restored from a backup, a bridge
/// that lost its index): a few known messages must still have the dates that they had.
struct UIDProbe: Sendable {
  let connection: IMAPConnection
  let state: AccountState
  let mailbox: Int64

  enum Answer: Equatable {
    /// At least one sample is the message that it was.
    case matched
    /// The samples are gone or say nothing.
    case unknown
    case mismatch(String)
  }

  func answer() async throws -> Answer {
    let answer = try await look()
    guard case .mismatch = answer else { return answer }
    // What another session has expunged is a placeholder at some servers, until NOOP has it told (RFC 2180 section 4.1).
    try await connection.noop()
    return try await look()
  }

  private func look() async throws -> Answer {
    let samples = try await state.samples(of: mailbox)
    let uids = UIDSet(samples.compactMap(\.uid))
    guard !uids.isEmpty else { return .unknown }
    let seen = SeenDates()
    _ = try await connection.fetchAttributes(uids, [.internalDate, .size]) { batch in await seen.add(batch) }
    let now = await seen.messages
    var isMatched = false
    for sample in samples {
      guard let uid = sample.uid, let message = now[uid], let date = message.internalDate else { continue }
      let sizeDiffers = message.rfc822Size.map { Int64($0) != (sample.rfc822Size ?? Int64($0)) } ?? false
      if date.seconds != sample.internalDate, sizeDiffers {
        return .mismatch("UID \(uid) is another message now although UIDVALIDITY did not change")
      }
      isMatched = isMatched || date.seconds == sample.internalDate
    }
    return isMatched ? .matched : .unknown
  }
}

private actor SeenDates {
  private(set) var messages: [UID: MessageAttributes] = [:]

  func add(_ batch: [MessageAttributes]) {
    for message in batch where messages.count < 16 { if let uid = message.uid { messages[uid] = message } }
  }
}
