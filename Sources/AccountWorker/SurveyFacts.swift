import Locks
import MailModel

/// What the last look at the whole account found that its rounds need to know.
final class SurveyFacts: Sendable {
  private struct State {
    var looks = AccountLooks()
    var passersBy = PassersBy()
    var mirrored: Set<Int64> = []
    var trash: MailboxName?
    var triedRemovals: Set<Int64> = []
    var wantsLook = false
    var hasMove = false
    var areFoldersWatched = false
  }

  private let state = Mutex(State())

  /// When the last scan of all folders began that met no obstacle; nanoseconds since 1970.
  var lastCompleteScan: Int64? { state.withLock { $0.looks.complete } }

  /// The looks at the account's folders.
  var looks: AccountLooks { state.withLock { $0.looks } }

  /// The mailboxes that are mirrored and were asked for, without those in which nothing may be done now.
  var mirrored: Set<Int64> { state.withLock { $0.mirrored } }

  /// The server's Trash, mirrored or not.
  var trash: MailboxName? { state.withLock { $0.trash } }

  /// Mailboxes whose removal was tried when nothing stood in its way any more.
  var triedRemovals: Set<Int64> { state.withLock { $0.triedRemovals } }

  /// The survey did something itself that only the next one can make use of.
  var wantsLook: Bool { state.withLock { $0.wantsLook } }

  /// The server has MOVE (RFC 6851).
  var hasMove: Bool { state.withLock { $0.hasMove } }

  /// The kernel tells of changes in all folders.
  var areFoldersWatched: Bool { state.withLock { $0.areFoldersWatched } }

  func setFoldersWatched(_ areWatched: Bool) { state.withLock { $0.areFoldersWatched = areWatched } }
  func setWantsLook(_ wants: Bool) { state.withLock { $0.wantsLook = wants } }
  func noteRemovalTried(_ mailbox: Int64) { state.withLock { _ = $0.triedRemovals.insert(mailbox) } }
  func noteLook(at mailbox: Int64, began: Int64, now: Int64) {
    state.withLock { $0.looks.looked(at: mailbox, began: began, now: now) }
  }
  func noteSurvey(of mailboxes: Set<Int64>, began: Int64, now: Int64, isAwaited: Bool) {
    state.withLock { $0.looks.surveyed(mailboxes, began: began, now: now, isAwaited: isAwaited) }
  }
  func takeAdvance() -> Range<Int64>? { state.withLock { $0.looks.takeAdvance() } }
  func withPassersBy<Result>(_ body: (inout PassersBy) -> Result) -> Result {
    state.withLock { body(&$0.passersBy) }
  }
  func notePasserBy(at time: Int64) { state.withLock { $0.passersBy.note(at: time) } }
  func noteMove(_ hasMove: Bool) { state.withLock { $0.hasMove = hasMove } }
  func noteMirrored(_ mailboxes: Set<Int64>) { state.withLock { $0.mirrored = mailboxes } }
  func noteTrash(_ name: MailboxName?) { state.withLock { $0.trash = name } }
}
