import LinuxFiles
import MailConnections
import MailModel
import SyncState

/// Fetches what has just come into the selected mailbox without selecting it again: one round trip after the server's
/// notice. It settles messages and nothing else; the round that follows looks at the whole and moves the checkpoint.
struct PushDownload: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection
  let mailbox: MirroredMailbox
  /// UIDs below are known.
  let from: UID

  /// Returns how many messages came.
  func run() async throws -> Int {
    // What comes may have been moved here, by another client or by our own hand: a round tells.
    guard try await !account.state.hasOpenDepartures(),
      try await !account.state.intents(into: mailbox.record.id).contains(where: { $0.kind == .move && !$0.isUncertain })
    else { return 0 }
    let wanted = UIDSet(ranges: CollectionOfOne(from.value...UInt32.max))
    let ledger = FetchLedger(wanted: wanted)
    let connection = connection
    let intake = MessageIntake(
      mailbox: mailbox, pipeline: account.pipeline, ledger: ledger, names: account.names, pool: account.pool,
      mayBeHere: try await mayBeHere(), stopFetching: { connection.close() })
    do {
      _ = try await connection.fetchMessages([wanted], into: intake)
    } catch {
      try await account.pipeline.flush(mailbox.record.id)
      throw error
    }
    try await account.pipeline.flush(mailbox.record.id)
    return ledger.settled.count
  }

  private func mayBeHere() async throws -> Bool {
    if try await account.state.hasLocalFiles(in: mailbox.record.id) { return true }
    return try await !account.state.unpaired(in: mailbox.record.id).isEmpty
  }
}
