import IMAPProtocol
import Locks
import MailConnections
import MailModel
import SyncState

/// What the server has told by NOTIFY, from when its bytes are read until the watch looks at it.
final class ServerNotices: Sendable {
  struct Rest: Sendable {
    /// Mailboxes were made, renamed or deleted, or something was told that is lost.
    var wantsSurvey = false
    /// The server has ceased to tell.
    var hasOverflowed = false
    /// Something happened in the selected mailbox.
    var isOfSelected = false

    var isEmpty: Bool { !wantsSurvey && !hasOverflowed && !isOfSelected }
  }

  private struct State {
    /// Of each mailbox what was told last.
    var statuses: [MailboxName: MailboxStatus] = [:]
    var rest = Rest()
    /// A look at all mailboxes will be had later, whatever else asks for one.
    var isSurveyPlanned = false
    /// Told while the mailbox was under way.
    var deferred: [Int64: (name: MailboxName, status: MailboxStatus)] = [:]
  }

  private let state = Mutex(State())
  private let signal: WakeSignal
  private let selection: MailboxSelection
  /// No account has more mailboxes than this (`ListOperation`).
  private static let limit = 100_000

  init(signal: WakeSignal, selection: MailboxSelection) {
    self.signal = signal
    self.selection = selection
  }

  /// Whether a mailbox of that name may be mirrored.
  func mirrors(_ name: MailboxName, delimiter: UInt8? = nil) -> Bool {
    selection.selects(name, delimiter.map { Character(UnicodeScalar($0)) })
  }

  /// Called on the event loop.
  func receive(_ notice: MailboxNotice) {
    state.withLock { state in
      switch notice {
      case .status(let name, let status):
        guard state.statuses.count < Self.limit else { return state.rest.wantsSurvey = true }
        state.statuses[name, default: MailboxStatus()].update(with: status)
      case .listed(let entry):
        if entry.oldName != nil || mirrors(entry.name, delimiter: entry.delimiter) { state.rest.wantsSurvey = true }
      case .selected: state.rest.isOfSelected = true
      case .gap: state.rest.wantsSurvey = true
      case .overflow:
        state.rest.hasOverflowed = true
        state.rest.wantsSurvey = true
      }
    }
    signal.wake(.dirty)
  }

  func wantSurvey() { state.withLock { $0.rest.wantsSurvey = true } }

  func takeStatuses() -> [MailboxName: MailboxStatus] {
    state.withLock { state in
      defer { state.statuses = [:] }
      return state.statuses
    }
  }

  /// Whether something is to be acted upon now.
  var hasRest: Bool {
    state.withLock { state in
      var rest = state.rest
      if state.isSurveyPlanned { (rest.wantsSurvey, rest.hasOverflowed) = (false, false) }
      return !rest.isEmpty
    }
  }

  func planSurvey() { state.withLock { $0.isSurveyPlanned = true } }

  func surveyBegins() { state.withLock { $0.isSurveyPlanned = false } }

  func takeRest() -> Rest {
    state.withLock { state in
      defer { state.rest = Rest() }
      return state.rest
    }
  }

  /// The mailbox is under way: whether it was seen shows when that is over.
  func postpone(_ status: MailboxStatus, of mailbox: Int64, named name: MailboxName) {
    state.withLock { $0.deferred[mailbox] = (name, status) }
  }

  func forget(_ mailbox: Int64) { state.withLock { $0.deferred[mailbox] = nil } }

  /// The mailbox is under way no more: what was told meanwhile is looked at now.
  func settled(_ mailbox: Int64) {
    let isNews = state.withLock { state -> Bool in
      guard let (name, status) = state.deferred.removeValue(forKey: mailbox) else { return false }
      var latest = status
      if let later = state.statuses[name] { latest.update(with: later) }
      state.statuses[name] = latest
      return true
    }
    if isNews { signal.wake(.dirty) }
  }
}

extension MailboxStatus {
  /// A later status says only what has changed.
  mutating func update(with later: MailboxStatus) {
    messages = later.messages ?? messages
    uidNext = later.uidNext ?? uidNext
    uidValidity = later.uidValidity ?? uidValidity
    unseen = later.unseen ?? unseen
    highestModSequence = later.highestModSequence ?? highestModSequence
  }

  /// Whether it says something that the mailbox's last round did not see.
  func isNews(to record: MailboxRecord) -> Bool {
    guard let checkpoint = record.checkpoint else { return true }
    if let uidValidity, uidValidity != record.uidValidity { return true }
    if let uidNext, uidNext != checkpoint.uidNext { return true }
    if let messages, Int(messages) != checkpoint.messages { return true }
    if let highestModSequence { return highestModSequence != checkpoint.highestModSequence }
    // Without a MODSEQ any flag may be another one.
    return true
  }

  /// Whether messages went, of which another mailbox may have news.
  func tellsOfLosses(since record: MailboxRecord) -> Bool {
    guard let checkpoint = record.checkpoint, let known = checkpoint.uidNext, let messages else { return false }
    let came = Int64(uidNext ?? known) - Int64(known)
    return Int64(messages) < Int64(checkpoint.messages) + came
  }
}
