import Locks

/// How far an account's sync is.
package struct SyncProgress: Sendable, Equatable {
  package var account: String
  package var mailbox: String
  package var messagesDone: Int
  package var messagesTotal: Int
  /// Message octets written to disk so far.
  package var octets: Int64
  /// New and edited messages that were sent to the server, or turned out to be none that it takes.
  package var messagesSent = 0
  package var messagesToSend = 0
  package var mailboxesDone: Int
  package var mailboxesTotal: Int
}

/// Counts what an account's rounds do and tells the observer; called from any thread.
final class ProgressMeter: Sendable {
  private let progress: Mutex<SyncProgress>
  private let observer: @Sendable (SyncProgress) -> Void

  init(account: String, observer: @escaping @Sendable (SyncProgress) -> Void) {
    progress = Mutex(
      SyncProgress(
        account: account, mailbox: "", messagesDone: 0, messagesTotal: 0, octets: 0, mailboxesDone: 0,
        mailboxesTotal: 0))
    self.observer = observer
  }

  var current: SyncProgress { progress.withLock { $0 } }

  func update(_ change: (inout SyncProgress) -> Void) {
    let now = progress.withLock { value -> SyncProgress in
      change(&value)
      return value
    }
    observer(now)
  }
}
