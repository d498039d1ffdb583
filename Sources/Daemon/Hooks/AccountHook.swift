import ControlProtocol

/// The way from what a worker did to the account's hook: in order, and without waiting for it.
struct AccountHook: Sendable {
  private let runner: HookRunner
  private let batches: AsyncStream<[MailChange]>.Continuation

  init(_ runner: HookRunner) {
    self.runner = runner
    let (stream, continuation) = AsyncStream.makeStream(of: [MailChange].self)
    batches = continuation
    Task { for await batch in stream { await runner.add(batch) } }
  }

  /// Callable from any thread.
  func add(_ changes: [MailChange]) { batches.yield(changes) }

  func stop() async {
    batches.finish()
    await runner.stop()
  }
}
