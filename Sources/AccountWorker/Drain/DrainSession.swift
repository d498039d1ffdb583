import LinuxFiles
import Logging
import MailConnections
import NIOCore
import SyncState

/// A POP3 account while it is open: visits its maildrop at intervals and when somebody asks. Ends only by an error or
/// when it is cancelled; between two visits there is no connection.
struct DrainSession: Sendable {
  let account: OpenAccount
  let drain: DrainSettings
  let resources: AccountWorker.Resources
  let board: StatusBoard
  let lines: OpenConnections
  let refresh: StatusRefresh
  let requests: SyncRequests
  let signal: WakeSignal
  /// Called when a visit went well.
  let onVisit: @Sendable () async -> Void

  func run() async throws {
    let eventLoop = resources.group.next()
    while true {
      try Task.checkCancellation()
      let delay = try await visit()
      var pause = pollPause()
      if let settling = try await account.timeToSettle() { pause = min(pause, TimeAmount(settling)) }
      pause = max(pause, .seconds(Int64(delay)))
      let next = account.now() + pause.nanoseconds / 1_000_000_000
      board.update { status in
        status.activity = .idle
        status.push = .polling(reason: "POP3 has no push")
        status.nextPoll = next
      }
      let deadline = NIODeadline.now() + pause
      var reasons: WakeSignal.Reasons = []
      while !Task.isCancelled, !reasons.contains(.survey), deadline > .now() {
        reasons = await signal.sleep(until: deadline, on: eventLoop)
      }
    }
  }

  /// Returns how long the server wants to be left alone, in seconds.
  private func visit() async throws -> Int {
    board.update { $0.activity = .connecting }
    await requests.surveyBegins()
    var outcome = SyncOutcome(account: account.settings.name)
    let board = board
    let delay = try await MaildropVisit(
      account: account, drain: drain, resources: resources, lines: lines,
      onConnection: { change in
        board.update { status in
          status.connections += change
          if change > 0 { status.activity = .syncing }
        }
      }
    ).run(&outcome)
    for notice in outcome.notices { account.logger.notice("\(notice)", metadata: account.metadata()) }
    for failure in outcome.failures { account.logger.warning("\(failure)", metadata: account.metadata()) }
    board.update { $0.trouble = nil }
    await onVisit()
    for var item in await requests.visited(outcome) {
      try await account.conclude(&item.outcome, isDryRun: false, isWhole: item.isWhole)
      try await refresh.all()
      item.answer?.resume(returning: item.outcome)
    }
    return delay
  }

  /// Up to a tenth less than the configured interval, so that accounts do not march in step.
  private func pollPause() -> TimeAmount {
    let nanoseconds = Double(TimeAmount(account.settings.pollInterval).nanoseconds)
    return .nanoseconds(Int64(nanoseconds * Double.random(in: 0.9...1.0)))
  }
}
