import IMAPProtocol
import MailModel
import SyncState

/// Whether a mailbox's status differs from where its last round ended. Only with CONDSTORE does an equal status mean
/// that nothing changed: flags change without a new UIDNEXT or count.
struct RoundNeed: Sendable {
  let state: AccountState
  let pointsElsewhere: Bool
  let record: MailboxRecord
  let status: MailboxStatus?
  let capabilities: CapabilitySet
  let isHeld: Bool
  /// Whether local changes go to the server.
  let sendsChanges: Bool

  /// Holds that doubt the server's view as a whole: each round looks whether their cause is gone.
  static let viewHolds: Set<String> = ["uidvalidity", "uids", "server"]

  func answer() async throws -> Bool {
    if sendsChanges, try await state.needsPush(record.id) { return true }
    guard let checkpoint = record.checkpoint, let status, capabilities.hasCondStore, !isHeld, !pointsElsewhere,
      record.uidValidity == status.uidValidity, let uidNext = status.uidNext, checkpoint.uidNext == uidNext,
      let messages = status.messages, checkpoint.messages == Int(messages),
      let modSequence = status.highestModSequence, checkpoint.highestModSequence == modSequence
    else { return true }
    if try await state.unfetched(in: record.id).contains(where: { $0.attempts < 5 }) { return true }
    return try await !state.unpaired(in: record.id).isEmpty
  }
}
