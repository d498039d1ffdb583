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

  func run(_ uids: UIDSet) async throws -> Result {
    var result = Result()
    guard !uids.isEmpty else { return result }
    let id = mailbox.record.id
    let ledger = FetchLedger(wanted: uids)
    let hasLocalFiles = try await !account.state.localFiles(of: id).isEmpty
    let hasUnpaired = try await !account.state.unpaired(in: id).isEmpty
    let connection = connection
    let intake = MessageIntake(
      mailbox: mailbox, pipeline: account.pipeline, ledger: ledger, names: account.names, pool: account.pool,
      mayBeHere: hasLocalFiles || hasUnpaired, stopFetching: { connection.close() })
    account.meter.update { $0.messagesTotal += uids.count }

    var reasons: [(uids: UIDSet, text: String)] = []
    var rest = uids
    for size in [Self.batch, 1] where !rest.isEmpty {
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
      reasons += outcome.refused.map { (uids: $0.uids, text: $0.text.text) }
    }
    result.delivered = ledger.settled.count
    guard !rest.isEmpty else { return result }

    let missing = try await connection.existingUIDs().uids.intersection(rest)
    for batch in missing.batches(of: 500) {
      for uid in batch {
        let refusal = reasons.last { $0.uids.contains(uid) }?.text
        let reason = ledger.problem(of: uid) ?? refusal ?? "the server answers without its body"
        try await account.state.noteUnfetched(UIDSet([uid]), in: id, reason: reason, now: account.now())
        guard result.notices.count < 20 else { continue }
        result.notices.append(
          SyncFailure(
            scope: .message, retry: .later, location: "\(mailbox.location):\(uid)",
            what: "the message cannot be fetched: \(reason)",
            remedy: "it stays on the server and is tried again at the next sync"))
      }
    }
    return result
  }
}
