import LinuxFiles
import SyncState

extension AccountWorker {
  /// Opens the account under its lock for something that is no sync, and closes it.
  func whileOpen<Value: Sendable>(_ body: @Sendable (OpenAccount) async throws -> Value) async throws -> Value {
    guard AccountState.exists(at: settings.statePath) else {
      throw SyncFailure(
        scope: .account, retry: .never, location: settings.name, what: "nothing has been mirrored yet",
        remedy: "run `mailmirror sync \(settings.name)` first")
    }
    let meter = ProgressMeter(account: settings.name) { _ in }
    let (account, lock) = try await AccountOpening(
      settings: settings, pool: resources.pool, clock: resources.clock, logger: resources.logger, report: report
    ).open(meter: meter)
    defer { lock.release() }
    do {
      let value = try await body(account)
      try await account.state.close()
      return value
    } catch {
      // A state that failed is left as a crash would leave it.
      if !(error is StateError) { try? await account.state.close() }
      throw error
    }
  }
}
