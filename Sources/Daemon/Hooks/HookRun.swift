import Glibc

/// One run of a hook, from start to end, on a thread that it blocks.
///
/// It must end in every case, and nobody waits for it meanwhile: the hook may never read its input (which is a file in
/// memory, so that nothing has to be fed), print without end (above a limit it is read slowly and dropped), ignore
/// SIGTERM, or leave a child behind that keeps its pipes open (they are read no further once the hook has ended).
struct HookRun {
  let command: HookCommand
  let input: HookInput
  let timings: HookTimings
  let interrupt: HookInterrupt
  /// Each line that the hook prints; true for one on standard error.
  let printed: (String, _ isError: Bool) -> Void

  func execute() -> HookOutcome {
    guard var output = HookPipe() else { return .notStarted(reason: String(cString: strerror(errno))) }
    defer { output.closeBoth() }
    guard var complaint = HookPipe() else { return .notStarted(reason: String(cString: strerror(errno))) }
    defer { complaint.closeBoth() }
    let process: HookProcess
    do {
      process = try HookProcess(command, input, output: output.writeEnd, error: complaint.writeEnd)
    } catch {
      return .notStarted(reason: error.reason)
    }
    defer { process.closeDescriptor() }
    output.closeWriteEnd()
    complaint.closeWriteEnd()
    let outcome = follow(process, &output, &complaint)
    for line in output.rest() { printed(line, false) }
    for line in complaint.rest() { printed(line, true) }
    return outcome
  }

  /// Waits for the end of the process, reads what it prints, and ends it when its time is up.
  private func follow(_ process: HookProcess, _ output: inout HookPipe, _ complaint: inout HookPipe) -> HookOutcome {
    var phase = Phase.running
    var deadline = SuspendingClock.now + timings.limit
    while true {
      let isInterrupted = wait(process, output, complaint, phase: phase, until: deadline)
      for line in output.lines() { printed(line, false) }
      for line in complaint.lines() { printed(line, true) }
      if process.hasEnded { return end(process, phase) }
      let now = SuspendingClock.now
      switch phase {
      case .running where isInterrupted:
        process.signalGroup(SIGTERM)
        (phase, deadline) = (.ending(.interrupted, isHurried: true), now + timings.graceAtStop)
      case .running where now >= deadline:
        process.signalGroup(SIGTERM)
        (phase, deadline) = (.ending(.timedOut(after: timings.limit), isHurried: false), now + timings.grace)
      case .ending(let outcome, isHurried: false) where isInterrupted:
        (phase, deadline) = (.ending(outcome, isHurried: true), min(deadline, now + timings.graceAtStop))
      case .ending(let outcome, _) where now >= deadline:
        process.signalGroup(SIGKILL)
        (phase, deadline) = (.killed(outcome), now + .milliseconds(500))
      case .killed(let outcome) where now >= deadline:
        // A process that SIGKILL does not end waits in the kernel, for a dead file server say: it is left there.
        return outcome
      case .running, .ending, .killed: break
      }
    }
  }

  private enum Phase {
    case running
    /// Told to end by SIGTERM; hurried when the daemon stops.
    case ending(HookOutcome, isHurried: Bool)
    case killed(HookOutcome)

    /// Whether an interrupt still changes something.
    var listens: Bool {
      switch self {
      case .running, .ending(_, isHurried: false): true
      case .ending, .killed: false
      }
    }
  }

  /// Until something is to be done; true where the daemon wants the run to end.
  private func wait(
    _ process: HookProcess, _ output: HookPipe, _ complaint: HookPipe, phase: Phase,
    until deadline: SuspendingClock.Instant
  ) -> Bool {
    var waits = [
      phase.listens ? interrupt.descriptor : -1, process.descriptor, output.isWatched ? output.readEnd : -1,
      complaint.isWatched ? complaint.readEnd : -1,
    ].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    let left = max(.zero, deadline - SuspendingClock.now)
    var milliseconds =
      min(left.components.seconds, 3600) * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1
    if process.descriptor < 0 || output.floods || complaint.floods { milliseconds = min(milliseconds, 50) }
    return poll(&waits, nfds_t(waits.count), Int32(milliseconds)) > 0 && waits[0].revents != 0
  }

  private func end(_ process: HookProcess, _ phase: Phase) -> HookOutcome {
    switch phase {
    case .running:
      return process.reap()
    case .ending(let outcome, _), .killed(let outcome):
      // What it started and left behind was told to end, too; its group exists until it is reaped.
      process.signalGroup(SIGKILL)
      _ = process.reap()
      return outcome
    }
  }
}
