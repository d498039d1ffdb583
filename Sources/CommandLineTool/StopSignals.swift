import ChildProcesses
import Dispatch
import Glibc

/// SIGINT and SIGTERM end a command in good order: its work is cancelled, what is on its way to the disk is finished,
/// and the state is closed. A second signal ends the process at once, which loses nothing either.
enum StopSignals {
  /// Runs the work as a task that the first signal cancels.
  static func cancelling<Result: Sendable>(_ work: @escaping @Sendable () async -> Result) async -> Result {
    let task = Task { await work() }
    let sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { @Sendable in
        task.cancel()
        // What waits for a helper would otherwise wait on.
        RunningChildren.shared.endAll(grace: .zero)
        signal(number, SIG_DFL)
      }
      source.resume()
      return source
    }
    defer { for source in sources { source.cancel() } }
    return await task.value
  }
}
