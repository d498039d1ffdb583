import Locks
import MailConnections
import MailModel
import NIOCore
import SyncState

/// A mailbox that is selected on a connection that watches, and how far it is known.
struct PushedMailbox: Sendable {
  var work: RoundWork
  /// The server told of something, or nothing is known yet.
  var isDirty = true
  /// Selected, with its last round well done: the server's news can be trusted.
  var isCurrent = false
  /// A survey or a round found it in doubt: nothing is done in it before another survey.
  var isStopped = false
  /// The first UID that is not known, where the last round left no question open.
  var next: UID?
  /// How many messages the last round accounted for.
  var exists: UInt32 = 0
  /// Rounds in a row after which the server's count did not add up: it moves faster than its rounds, or it lies.
  var unsettled = 0
  /// Something of its folder is to be sent: the next round begins with that.
  var hasFolderNews = false
  /// The next round is for news that have brought nothing yet.
  var isForNews = false
  /// Rounds in a row for news that brought nothing.
  var fruitless = 0
  /// When it gets a round although nobody told of anything.
  var nextRound = NIODeadline.distantFuture
  /// Which of the turns that somebody waits for its rounds end: those of the mailbox that each survey leaves to the
  /// watching connection end any, those of others none.
  var turn: WorkQueue.Turn = .max

  var id: Int64 { work.record.id }

  /// What the selected mailbox has been told to hold differs from what the last round saw.
  func differs(from state: MailboxState) -> Bool { state.exists != exists || !state.holdsOnlyNews }

  /// The UIDs are still those that the last round knew.
  func keepsValidity(_ state: MailboxState) -> Bool {
    state.uidValidity == nil || state.uidValidity == work.record.uidValidity
  }
}

extension MailboxState {
  /// Nothing was said since the selection but that messages came.
  var holdsOnlyNews: Bool { vanished.isEmpty && !sawExpunge && flagChanges.isEmpty && !sawOtherFlagChanges }
}

/// How often in a row a mailbox's rounds broke the watching connection. One that does it again and again is left to
/// the other connections, so that it stops only itself.
final class BrokenRounds: Sendable {
  private let counts = Mutex<[Int64: Int]>([:])
  private static let limit = 3

  func note(_ mailbox: Int64) { counts.withLock { $0[mailbox, default: 0] += 1 } }
  func clear(_ mailbox: Int64) { counts.withLock { $0[mailbox] = nil } }
  func isTooMany(_ mailbox: Int64) -> Bool { counts.withLock { $0[mailbox, default: 0] >= Self.limit } }
}

/// The mailboxes of which a round of this session has found that their UIDs are what they were.
final class SoundMailboxes: Sendable {
  private let mailboxes = Mutex<Set<Int64>>([])

  func note(_ mailbox: Int64, isSound: Bool) {
    mailboxes.withLock { mailboxes in
      if isSound { mailboxes.insert(mailbox) } else { mailboxes.remove(mailbox) }
    }
  }

  func contains(_ mailbox: Int64) -> Bool { mailboxes.withLock { $0.contains(mailbox) } }
}
