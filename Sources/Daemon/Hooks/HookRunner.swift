import ControlProtocol
import LinuxFiles
import Logging

/// Runs the `on_change` hook of one account: once for each settled burst of changes, one run at a time. What changes
/// during a run goes to the next one. A hook that hangs or fails delays nothing but the next run of itself.
package actor HookRunner {
  private let account: String
  private let command: HookCommand
  private let timings: HookTimings
  private let logger: Logger
  private var burst: ChangeBurst
  /// Waits for the burst to settle.
  private var waiting: Task<Void, Never>?
  private var running: (run: Task<Void, Never>, interrupt: HookInterrupt)?
  private var isStopped = false
  /// What went wrong in the last run; nil when it went well.
  package private(set) var lastFailure: String?

  package init(account: String, command: HookCommand, timings: HookTimings = HookTimings(), logger: Logger) {
    self.account = account
    self.command = command
    self.timings = timings
    var logger = logger
    logger[metadataKey: "ACCOUNT"] = .string(account)
    self.logger = logger
    burst = ChangeBurst(timings: timings)
  }

  package func add(_ changes: [MailChange]) {
    guard !isStopped else { return }
    burst.add(changes, at: SuspendingClock.now)
    waitForQuiet()
  }

  /// Ends a running hook and starts no more; takes little longer than `graceAtStop`. Changes that have not settled go
  /// untold.
  package func stop() async {
    isStopped = true
    waiting?.cancel()
    guard let running else { return }
    running.interrupt.fire()
    await running.run.value
  }

  /// Runs at once for what has come, and returns when the hook has ended.
  package func finish() async {
    waiting?.cancel()
    waiting = nil
    start(burst.takeNow())
    await running?.run.value
  }

  private func waitForQuiet() {
    guard waiting == nil, running == nil, !isStopped, let due = burst.due else { return }
    waiting = Task {
      try? await Task.sleep(until: due, clock: SuspendingClock())
      settle()
    }
  }

  private func settle() {
    waiting = nil
    guard !isStopped else { return }
    guard let settled = burst.take(at: SuspendingClock.now) else { return waitForQuiet() }
    start(settled)
  }

  private func start(_ settled: SettledChanges?) {
    guard let settled, running == nil else { return }
    guard let interrupt = HookInterrupt() else {
      return ended(.notStarted(reason: "too many files are open"))
    }
    let (command, timings, logger, account) = (command, timings, logger, account)
    let run = Task {
      // A thread for as long as the run takes: it may hang, and the others' threads are not for that.
      let thread = DiskPool(threads: 1)
      let outcome = try? await thread.run {
        HookRun(
          command: command, input: HookInput(account: account, settled), timings: timings, interrupt: interrupt,
          printed: { line, isError in
            logger.log(level: isError ? .warning : .info, "\(account): on_change printed: \(printable(line))")
          }
        ).execute()
      }
      ended(outcome ?? .interrupted)
    }
    running = (run, interrupt)
  }

  private func ended(_ outcome: HookOutcome) {
    running = nil
    if let failure = outcome.failure {
      // Once for each kind of failure: a hook may fail with every burst for weeks.
      if failure != lastFailure {
        logger.warning(
          "\(account): on_change: \(failure); run it by hand: \(printable(command.words.joined(separator: " ")))")
      }
      lastFailure = failure
    } else if outcome == .succeeded {
      if lastFailure != nil { logger.notice("\(account): on_change: works again") }
      lastFailure = nil
    }
    waitForQuiet()
  }
}
