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
  /// Read when the server had told of what came.
  let arrivals: AccountState.Arrivals

  /// Returns how many messages came.
  func run() async throws -> Int {
    // What comes may have been moved or sent here: a round tells. So it does of what another mailbox has, too.
    guard !arrivals.mayBeKnown else { return 0 }
    let wanted = UIDSet(ranges: CollectionOfOne(from.value...UInt32.max))
    let ledger = FetchLedger(wanted: wanted)
    let connection = connection
    let intake = MessageIntake(
      mailbox: mailbox, pipeline: account.pipeline, ledger: ledger, names: account.names, pool: account.pool,
      mayBeHere: arrivals.mayBeHere, mayBeMoved: mailbox.mayGetMoves(connection), stopFetching: { connection.close() })
    do {
      _ = try await connection.fetchMessages([wanted], into: intake)
    } catch {
      try await account.pipeline.flush(mailbox.record.id)
      throw error
    }
    try await account.pipeline.flush(mailbox.record.id)
    return ledger.settled.count
  }
}
