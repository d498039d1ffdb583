import Locks
import SyncState

/// How an account stands, as its worker last published it. Reading it waits for nothing.
package struct AccountStatus: Sendable {
  package enum Activity: Sendable, Equatable {
    case starting
    case connecting
    case syncing
    /// All is current, and the server tells of changes in this mailbox.
    case watching(String)
    /// All is current, and the server tells of changes in all mailboxes.
    case watchingAll
    /// All is current; the server is asked at intervals.
    case idle
    /// For the next try.
    case waiting
    case paused

    /// A session is there: what it does next shows whether the server is.
    var hasConnection: Bool {
      switch self {
      case .starting, .connecting, .waiting, .paused: false
      default: true
      }
    }
  }

  /// How the account hears of new mail.
  package enum Push: Sendable, Equatable {
    /// Not connected.
    case unknown
    /// The server tells of all mailboxes (NOTIFY).
    case notify
    /// The server tells of these (IDLE); `reason` is why of no more.
    case idle(mailboxes: [String], reason: String)
    case polling(reason: String)
  }

  package struct Trouble: Sendable, Equatable {
    package var failure: SyncFailure
    /// The place itself is in doubt: nothing is written until a cause is gone (DESIGN.md section 5).
    package var isStop: Bool
    /// The server wants to be asked later; nothing has failed.
    package var isWait = false
    /// Seconds since 1970.
    package var since: Int64
    package var nextTry: Int64?
    /// `network`, `busy`, `refused`, `noPassword`, `local`, `inUse`, `loginDelay`: what the pause is measured by.
    package var kind: String
  }

  /// Since the worker was started. Octets inside TLS and compression.
  package struct Traffic: Sendable, Equatable {
    package var received: UInt64 = 0
    package var sent: UInt64 = 0
    package var messagesDelivered = 0
    package var messagesSent = 0
  }

  package var name: String
  package var activity = Activity.starting
  package var push = Push.unknown
  package var folders = FolderWatching.unknown
  package var connections = 0
  /// Why the server's compression is not used any more.
  package var compressionTrouble: String?
  /// Why the account as a whole does not work now.
  package var trouble: Trouble?
  /// Seconds since 1970.
  package var nextPoll: Int64?
  package var progress: SyncProgress?
  package var traffic = Traffic()
  package var summary: AccountSummary?
  package var holds: [HoldRecord] = []

  package init(name: String) { self.name = name }

  /// All that the server and the folders tell is taken up as it comes.
  package var isCurrent: Bool { trouble == nil && activity.hasConnection }
}

/// Where a worker publishes its status.
final class StatusBoard: Sendable {
  private let status: Mutex<AccountStatus>
  private let onChange: @Sendable () -> Void

  init(name: String, onChange: @escaping @Sendable () -> Void) {
    status = Mutex(AccountStatus(name: name))
    self.onChange = onChange
  }

  var current: AccountStatus { status.withLock { $0 } }

  func update(_ change: (inout sending AccountStatus) -> Void) {
    status.withLock { change(&$0) }
    onChange()
  }
}

/// Reads the numbers of mailboxes that changed into the board, a moment later and not too often: counting costs time in
/// proportion to the mailbox.
actor StatusRefresh {
  private let state: AccountState
  private let board: StatusBoard
  private var dirty: Set<Int64> = []
  private var pending: Task<Void, Never>?
  private var cost = Duration.zero
  private static let delay = Duration.milliseconds(500)

  init(state: AccountState, board: StatusBoard) {
    self.state = state
    self.board = board
  }

  /// The mailbox's numbers are not what they were.
  func changed(_ mailbox: Int64) {
    dirty.insert(mailbox)
    guard pending == nil else { return }
    let pause = max(Self.delay, cost * 20)
    pending = Task {
      try? await Task.sleep(for: pause)
      guard !Task.isCancelled else { return }
      await self.pauseIsOver()
    }
  }

  private func pauseIsOver() async {
    // This task is under way: from here on nobody may cancel it.
    pending = nil
    // A state that can't be read stops the work that changes it, which says so.
    try? await changedNow()
  }

  /// Reads what changed.
  func changedNow() async throws {
    pending?.cancel()
    pending = nil
    let mailboxes = dirty
    dirty = []
    let began = ContinuousClock.now
    var counted: [Int64: AccountSummary.Mailbox] = [:]
    do {
      for id in mailboxes { counted[id] = try await state.summary(of: id) }
    } catch {
      dirty.formUnion(mailboxes)
      throw error
    }
    if !counted.isEmpty { cost = ContinuousClock.now - began }
    let (holds, account) = (try await state.holds(), try await state.accountSummary())
    board.update { status in
      status.holds = holds
      guard var summary = status.summary else { return }
      (summary.lastSuccess, summary.problem, summary.quarantined, summary.rebuilt) = (
        account.lastSuccess, account.problem, account.quarantined, account.rebuilt
      )
      for place in summary.mailboxes.indices {
        if let mailbox = counted[summary.mailboxes[place].record.id] { summary.mailboxes[place] = mailbox }
      }
      status.summary = summary
    }
  }

  /// All mailboxes were looked at: their records are read again, and their messages counted only where there is reason.
  func surveyed() async throws {
    let records = try await state.mailboxes()
    let known = board.current.summary?.mailboxes.map(\.record.id) ?? []
    guard records.map(\.id) == known else { return try await all() }
    board.update { status in
      for (place, record) in records.enumerated() { status.summary?.mailboxes[place].record = record }
    }
    try await changedNow()
  }

  /// Reads everything.
  func all() async throws {
    dirty = []
    let (summary, holds) = (try await state.summary(), try await state.holds())
    board.update {
      $0.summary = summary
      $0.holds = holds
    }
  }

  func stop() {
    pending?.cancel()
    pending = nil
  }
}
