import AccountWorker
import ControlProtocol

/// What clients of the control socket can ask of the daemon. An empty or missing list of names means all accounts.
package protocol MirrorControl: Sendable {
  /// The published snapshots; never waits for network or disk.
  func status(of accounts: [String]?) async throws(ControlError) -> [StatusReport.Account]

  /// A tick whenever a snapshot changes; ticks that nobody took yet are one.
  func statusChanges() -> AsyncStream<Void>

  /// Where mailboxes are kept, of one account or of all.
  func mailboxes(of account: String?) async throws(ControlError) -> [ListedMailbox]

  /// Syncs accounts or single mailboxes (`ACCOUNT/MAILBOX`) now and waits for the end. The observer is called from any
  /// thread and as often as it pleases; it never blocks. Goes on when the client that asked is gone.
  func sync(
    _ targets: [String]?, dryRun: Bool, progress: @escaping @Sendable (ProgressReport) -> Void
  ) async throws(ControlError) -> [SyncResult]

  func verify(_ accounts: [String]?, full: Bool, repair: Bool) async throws(ControlError) -> [VerifyResult]

  /// What waits for the person's word.
  func holds(of accounts: [String]?) async throws(ControlError) -> [HeldChanges]

  /// The person's word about holds (`ACCOUNT:NUMBER`, or a number that only one account has).
  func decide(_ decision: HoldDecision, on holds: [String]?) async throws(ControlError) -> DecisionResult

  /// What happened to a message, or lately to all.
  func history(of message: String?, limit: Int) async throws(ControlError) -> MessageHistory

  func restorable(in account: String?) async throws(ControlError) -> [RestorableMessage]
  func restore(_ messages: [String]) async throws(ControlError) -> RestoreResult

  /// Both give the names of all accounts that are paused afterwards.
  func pause(_ accounts: [String]?) async throws(ControlError) -> [String]
  func resume(_ accounts: [String]?) async throws(ControlError) -> [String]

  func reload() async throws(ControlError) -> ReloadResult

  /// What changes from now on; ends with the daemon. Publishing never waits for who reads it.
  func changes(of accounts: [String]?) throws(ControlError) -> ChangeStream

  /// OpenMetrics text.
  func metrics() async -> String
}
