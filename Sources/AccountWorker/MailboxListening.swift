import IMAPProtocol
import MailConnections
import NIOCore

/// Waits on a connection for news of the mailbox that is selected there, by IDLE where that is possible, and fetches
/// what has come when there is any.
struct MailboxListening {
  enum End {
    case woken(WakeSignal.Reasons)
    /// The server refuses IDLE.
    case refused(String)
  }

  let connection: IMAPConnection
  let signal: WakeSignal
  let turn: MailboxTurn
  /// Asked when something was told that may be nothing: true where it is a reason to stop listening.
  let isReason: (WakeSignal.Reasons) async throws -> Bool

  /// A connection on which nothing is said for longer may be dead without a sign; what is said then is answered within
  /// `IdleOperation.patience`. Also what routers need to remember it.
  static let longestSilence = TimeAmount.seconds(45)
  /// News that are not new messages are gathered for so long: another program marks or moves many at once.
  private static let gathering = TimeAmount.milliseconds(500)
  /// A server that moves a message tells where it came before it takes it from where it was; Dovecot does at once after.
  private static let moving = TimeAmount.milliseconds(6)

  /// What came between the round's end and now was told then, and would not be told again.
  static func hasUnheardNews(_ current: PushedMailbox, _ connection: IMAPConnection) -> Bool {
    current.unsettled == 0 && current.fruitless < 3 && current.differs(from: connection.mailboxState)
  }

  func idle(_ current: inout PushedMailbox, until deadline: NIODeadline) async throws -> End {
    let signal = signal
    let idling = connection.idle(exists: connection.mailboxState.exists) { signal.wake(.news) }
    var reasons: WakeSignal.Reasons = []
    repeat {
      reasons = await signal.sleep(until: deadline, on: connection.eventLoop)
      try Task.checkCancellation()
    } while try await !isReason(reasons)
    // What another mailbox has got may have been moved there from this one, or from a third.
    let mayBeMoved = reasons.contains(.dirty) && turn.session.dirty.areToldByServer
    if reasons.contains(.news) {
      reasons.formUnion(await gather(current))
    } else if mayBeMoved {
      let end = NIODeadline.now() + Self.moving
      reasons.formUnion(await signal.sleep(until: end, on: connection.eventLoop, isUrgent: true).subtracting(.time))
    }
    // The connection goes with the task: nobody waits for the server's answer.
    try Task.checkCancellation()
    idling.end()
    if reasons.contains(.news) {
      current.isDirty = true
      let hasBroughtSomething = connection.isOpen ? try await turn.download(current) : false
      current.isForNews = !hasBroughtSomething
      if hasBroughtSomething { current.fruitless = 0 }
    }
    // What follows may go out along with DONE; an IDLE that was refused or has broken would have been news.
    guard reasons.contains(.news) || mayBeMoved || !connection.isOpen else { return .woken(reasons) }
    do {
      try await idling.ended()
    } catch ConnectionError.refused(_, let text) {
      current.isDirty = true
      return .refused(text.text)
    }
    if mayBeMoved, connection.isOpen { try await connection.noop() }
    // That a message left comes before what another mailbox has got, so that it is renamed and not fetched.
    if !current.isDirty, Self.hasUnheardNews(current, connection) {
      current.isDirty = true
      current.isForNews = true
    }
    return .woken(reasons)
  }

  /// New messages are fetched at once. Other news are given a moment to be complete, and a server whose news come to
  /// nothing is listened to less and less.
  private func gather(_ current: PushedMailbox) async -> WakeSignal.Reasons {
    let isUrgent = connection.mailboxState.exists > current.exists && current.fruitless < 3
    guard connection.isOpen, !isUrgent else { return [] }
    let pause = current.fruitless < 3 ? Self.gathering : .seconds(Int64(min(1 << min(current.fruitless - 2, 6), 60)))
    let end = NIODeadline.now() + pause
    var reasons: WakeSignal.Reasons = []
    while connection.isOpen, !Task.isCancelled, reasons.isDisjoint(with: [.survey, .work, .time, .dirty]) {
      reasons.formUnion(await signal.sleep(until: end, on: connection.eventLoop))
    }
    // Our own end of waiting is none of the reasons to wake.
    return end <= .now() ? reasons.subtracting(.time) : reasons
  }

  /// Without IDLE the server is asked, at least at such intervals that a dead connection is found out.
  func wait(until deadline: NIODeadline, asks: Bool) async throws -> WakeSignal.Reasons {
    var reasons: WakeSignal.Reasons = []
    repeat {
      reasons = await signal.sleep(until: deadline, on: connection.eventLoop)
      try Task.checkCancellation()
    } while try await !isReason(reasons)
    guard connection.isOpen else { throw ConnectionError.broken("the server ended it") }
    if asks { try await connection.noop() }
    return reasons
  }
}
