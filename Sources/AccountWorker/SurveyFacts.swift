import MailModel
import Synchronization

/// What the last look at the whole account found that its rounds need to know.
final class SurveyFacts: Sendable {
  private struct State {
    var lastCompleteScan: Int64?
    var trash: MailboxName?
  }

  private let state = Mutex(State())

  /// When the last scan of all folders began that met no obstacle; nanoseconds since 1970.
  var lastCompleteScan: Int64? { state.withLock { $0.lastCompleteScan } }

  /// The server's Trash, mirrored or not.
  var trash: MailboxName? { state.withLock { $0.trash } }

  func noteCompleteScan(began: Int64) { state.withLock { $0.lastCompleteScan = began } }
  func noteTrash(_ name: MailboxName?) { state.withLock { $0.trash = name } }
}
