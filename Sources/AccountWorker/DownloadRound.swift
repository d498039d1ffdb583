import IMAPProtocol
import MailConnections
import MailModel
import SyncState

/// Fetches messages into the folder, newest first. What the server leaves out is asked for once more; what it still
/// does not give is noted as unfetched, the others go on (an omission is no deletion).
struct DownloadRound: Sendable {
  struct Result: Sendable {
    var delivered = 0
    var notices: [SyncFailure] = []
  }

  let account: OpenAccount
  let connection: IMAPConnection
  let mailbox: MirroredMailbox

  /// Small enough that a connection's end costs little, large enough that round trips do not count.
  private static let batch = 100
  /// Commands unanswered at a time: enough that a long round trip does not leave the line empty.
  private static let depth = 16

  /// Messages that were paired with a file that was here get the flags of both.
  private func uniteFlags(_ uids: UIDSet) async throws {
    guard !uids.isEmpty else { return }
    let flags = FlagRound(account: account, mailbox: mailbox)
    _ = try await connection.fetchAttributes(uids, [.flags]) { batch in
      _ = try await flags.apply(
        batch.compactMap { message in message.uid.flatMap { uid in message.flags.map { (uid: uid, flags: $0) } } })
    }
  }

  func run(_ uids: UIDSet) async throws -> Result {
    var result = Result()
    guard !uids.isEmpty else { return result }
    let id = mailbox.record.id
    let ledger = FetchLedger(wanted: uids)
    let hasLocalFiles = try await account.state.hasLocalFiles(in: id)
    let hasUnpaired = try await !account.state.unpaired(in: id).isEmpty
    let connection = connection
    let intake = MessageIntake(
      mailbox: mailbox, pipeline: account.pipeline, ledger: ledger, names: account.names, pool: account.pool,
      mayBeHere: hasLocalFiles || hasUnpaired, stopFetching: { connection.close() })
    account.meter.update { $0.messagesTotal += uids.count }

    var reasons: [(uids: UIDSet, text: String)] = []
    var rest = uids
    for attempt in 1...2 where !rest.isEmpty {
      // The second time one by one where they are few, so that one bad message does not hide the others.
      let size = attempt == 1 ? Self.batch : max(1, rest.count / 2_000)
      let outcome: FetchMessagesOutcome
      do {
        outcome = try await connection.fetchMessages(rest.batches(of: size), into: intake, pipelineDepth: Self.depth)
      } catch {
        // What came before the connection broke is kept.
        try await account.pipeline.flush(id)
        throw error
      }
      try await account.pipeline.flush(id)
      rest = uids.subtracting(ledger.settled)
      if let refusal = outcome.refused.first(where: { $0.text.isThrottling }) {
        // Not the messages' fault: they are neither noted nor asked for one by one.
        throw ConnectionError.refused(command: "UID FETCH", refusal.text)
      }
      reasons += outcome.refused.map { (uids: $0.uids, text: $0.text.text) }
    }
    result.delivered = ledger.settled.count
    if intake.mayBeHere { try await uniteFlags(ledger.settled) }
    guard !rest.isEmpty else { return result }

    // What another session has expunged meanwhile may be listed until NOOP has it told.
    try await connection.noop()
    let missing = try await connection.existingUIDs().uids.intersection(rest)
    for batch in missing.batches(of: 500) {
      for uid in batch {
        let refusal = reasons.last { $0.uids.contains(uid) }?.text
        let reason = ledger.problem(of: uid) ?? refusal ?? "the server answers without its body"
        try await account.state.noteUnfetched(UIDSet([uid]), in: id, reason: reason, now: account.now())
        guard result.notices.count < 20 else { continue }
        var notice = SyncFailure(
          scope: .message, retry: .later, location: "\(mailbox.location):\(uid)",
          what: "the message cannot be fetched: \(reason)",
          remedy: "it stays on the server and is tried again at the next sync")
        notice.uid = uid.value
        result.notices.append(notice)
      }
    }
    return result
  }
}
