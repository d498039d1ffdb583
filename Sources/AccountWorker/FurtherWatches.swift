import Locks
import Logging
import MailConnections
import NIOCore

/// Further connections that IDLE, each on one mailbox, where the server does not tell of all mailboxes on one. They
/// come out of the account's budget: one is always left for bulk, and where the server gives no more it is lived with.
final class FurtherWatches: Sendable {
  private struct Slot {
    let signal: WakeSignal
    var wanted: PushedMailbox?
    /// The mailbox that is listened to now.
    var listening: String?
    var trouble: String?
  }

  private struct State {
    var slots: [Slot]
    /// The mailbox on the watching connection.
    var main: String?
    /// Why the server does not tell of all mailboxes.
    var reason: String?
  }

  private let session: AccountSession
  private let queue: WorkQueue
  private let report: RoundRunner.Report
  private let state: Mutex<State>
  /// A connection that the server refused is asked for again after pauses that grow up to this.
  private static let longestPause = 3_600

  init(session: AccountSession, queue: WorkQueue, report: @escaping RoundRunner.Report) {
    self.session = session
    self.queue = queue
    self.report = report
    let count = max(0, session.account.settings.connections - 2)
    let way = session.connections.resources.way
    state = Mutex(State(slots: (0..<count).map { _ in Slot(signal: WakeSignal(claim: way.makeClaim())) }))
  }

  var count: Int { state.withLock { $0.slots.count } }

  /// The mailboxes that should be listened to, the most wanted first; as many as there is room for.
  func watch(_ candidates: [PushedMailbox]) async {
    let (changed, used) = state.withLock { state -> ([WakeSignal], Int) in
      let wanted = candidates.filter { !$0.isStopped }.prefix(state.slots.count)
      var left = wanted.filter { candidate in !state.slots.contains { $0.wanted?.id == candidate.id } }
      var changed: [WakeSignal] = []
      for place in state.slots.indices {
        if let id = state.slots[place].wanted?.id, wanted.contains(where: { $0.id == id }) { continue }
        let next = left.isEmpty ? nil : left.removeFirst()
        if next != nil || state.slots[place].wanted != nil { changed.append(state.slots[place].signal) }
        state.slots[place].wanted = next
      }
      return (changed, state.slots.count { $0.wanted != nil })
    }
    await queue.lend(used)
    for signal in changed { signal.wake(.work) }
  }

  // MARK: Status

  /// Tells how the account hears of new mail.
  /// - Parameters:
  ///   - main: the mailbox on the watching connection.
  ///   - reason: why the server does not tell of all mailboxes; nil where it does.
  func publish(main: String, reason: String?) {
    state.withLock { ($0.main, $0.reason) = (main, reason) }
    publish(activity: true)
  }

  private func publish(activity: Bool) {
    let (main, reason, others, trouble) = state.withLock {
      ($0.main, $0.reason, $0.slots.compactMap(\.listening), $0.slots.lazy.compactMap(\.trouble).first)
    }
    guard let main else { return }
    session.board.update {
      if activity { $0.activity = reason == nil ? .watchingAll : .watching(main) }
      $0.push =
        reason.map {
          .idle(mailboxes: [main] + others, reason: [$0, trouble].compactMap(\.self).joined(separator: "; "))
        }
        ?? .notify
    }
  }

  private func note(_ place: Int, listening: String?, trouble: String? = nil) {
    let hasChanged = state.withLock { state -> Bool in
      let slot = state.slots[place]
      guard slot.listening != listening || slot.trouble != trouble else { return false }
      (state.slots[place].listening, state.slots[place].trouble) = (listening, trouble)
      return state.reason != nil
    }
    if hasChanged { publish(activity: false) }
  }

  private func wanted(_ place: Int) -> PushedMailbox? { state.withLock { $0.slots[place].wanted } }

  // MARK: One of them

  /// Serves one place until the task is cancelled; throws what concerns the account as a whole.
  func serve(_ place: Int) async throws {
    let signal = state.withLock { $0.slots[place].signal }
    let eventLoop = session.connections.resources.group.next()
    var refusals = 0
    while !Task.isCancelled {
      guard let mailbox = wanted(place) else {
        note(place, listening: nil)
        _ = await signal.sleep(until: .distantFuture, on: eventLoop)
        continue
      }
      do {
        let connection = try await session.connections.open()
        defer { connection.close() }
        refusals = 0
        try await listen(mailbox, place, connection, signal)
        note(place, listening: nil)
        await connection.logout()
      } catch {
        note(place, listening: nil)
        if Task.isCancelled { return }
        if let failure = session.express.failure { throw failure }
        refusals += 1
        let pause = min(30 << min(refusals, 7), Self.longestPause)
        session.account.logger.notice(
          "\(mailbox.work.location): no further connection for IDLE: \(error); next try in \(pause) s",
          metadata: session.account.metadata())
        note(place, listening: nil, trouble: "a further connection could not be had or broke")
        let end = NIODeadline.now() + .seconds(Int64(pause))
        while !Task.isCancelled, end > .now() { _ = await signal.sleep(until: end, on: eventLoop) }
      }
    }
  }

  /// Returns when the mailbox is not wanted any more.
  private func listen(
    _ mailbox: PushedMailbox, _ place: Int, _ connection: IMAPConnection, _ signal: WakeSignal
  ) async throws {
    var current = mailbox
    current.turn = .min
    let turn = MailboxTurn(session: session, connection: connection, queue: queue, report: report)
    let listening = MailboxListening(connection: connection, signal: signal, turn: turn) { _ in true }
    while wanted(place)?.id == mailbox.id {
      try Task.checkCancellation()
      if let failure = session.express.failure { throw failure }
      if current.isDirty { try await turn.run(&current) }
      let silence = min(MailboxListening.longestSilence, TimeAmount(session.account.settings.endpoint.timeout))
      let deadline = min(current.nextRound, .now() + silence)
      if !current.isCurrent {
        note(place, listening: nil)
        _ = try await listening.wait(until: deadline, asks: true)
      } else if MailboxListening.hasUnheardNews(current, connection) {
        (current.isDirty, current.isForNews) = (true, true)
      } else {
        note(place, listening: current.work.record.name.description)
        if case .refused(let text) = try await listening.idle(&current, until: deadline) {
          throw ConnectionError.incomplete(command: "IDLE", text)
        }
      }
      if current.nextRound <= .now() {
        current.isDirty = true
        current.isStopped = false
      }
    }
  }
}
