import ControlProtocol
import Locks

/// Shows the progress of several accounts on standard error: a bar each on a terminal, redrawn in place at most ten
/// times a second, and elsewhere a plain line per account at most every few seconds.
package final class ProgressDisplay: Sendable {
  private struct State {
    var accounts: [AccountProgress]
    var drawnLines = 0
    var lastDrawn: ContinuousClock.Instant?
    var lastPlain: [String: ContinuousClock.Instant] = [:]
    var isFinished = false
  }

  private let state: Mutex<State>
  private let terminal: Terminal
  private let write: @Sendable (String) -> Void
  private let now: @Sendable () -> ContinuousClock.Instant
  private static let redraw = Duration.milliseconds(100)
  private static let plainPause = Duration.seconds(5)

  package init(
    accounts: [String], terminal: Terminal, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
    write: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
  ) {
    state = Mutex(State(accounts: accounts.map { AccountProgress(account: $0) }))
    self.terminal = terminal
    self.now = now
    self.write = write
  }

  /// Takes the newest progress of an account; called from any thread.
  package func update(_ progress: AccountProgress) {
    state.withLock { state in
      guard !state.isFinished, let index = state.accounts.firstIndex(where: { $0.account == progress.account })
      else { return }
      state.accounts[index] = progress
      let instant = now()
      guard let width = terminal.width else { return plain(progress, at: instant, &state) }
      if let last = state.lastDrawn, instant - last < Self.redraw { return }
      state.lastDrawn = instant
      draw(width: width, &state)
    }
  }

  /// Shows that an account is done.
  package func finish(_ result: SyncResult) {
    var progress = AccountProgress(
      account: result.account, messagesDone: result.delivered, octets: result.octets, sent: result.uploaded,
      toSend: result.uploaded)
    progress.isDone = true
    update(progress)
  }

  /// Writes a line above the bars.
  package func note(_ line: String) {
    state.withLock { state in
      erase(&state)
      write(line + "\n")
      if let width = terminal.width, !state.isFinished { draw(width: width, &state) }
    }
  }

  /// Takes the bars away: what follows is the summary.
  package func finish() {
    state.withLock { state in
      erase(&state)
      state.isFinished = true
    }
  }

  /// The first line comes after a pause, too, so that a short sync says nothing.
  private func plain(_ progress: AccountProgress, at instant: ContinuousClock.Instant, _ state: inout State) {
    guard let last = state.lastPlain[progress.account] else {
      state.lastPlain[progress.account] = instant
      return
    }
    guard instant - last >= Self.plainPause else { return }
    state.lastPlain[progress.account] = instant
    write(progress.plain + "\n")
  }

  private func draw(width: Int, _ state: inout State) {
    let nameWidth = min(20, state.accounts.map { columns(printable($0.account)) }.max() ?? 0)
    var text = Self.up(state.drawnLines)
    for account in state.accounts {
      // One column stays free: a line that fills the last one wraps on some terminals.
      text += "\r" + account.bar(width: width - 1, nameWidth: nameWidth) + "\u{1B}[K\n"
    }
    state.drawnLines = state.accounts.count
    write(text)
  }

  private func erase(_ state: inout State) {
    guard state.drawnLines > 0 else { return }
    write(Self.up(state.drawnLines) + "\r\u{1B}[J")
    state.drawnLines = 0
  }

  private static func up(_ lines: Int) -> String { lines > 0 ? "\u{1B}[\(lines)A" : "" }
}
