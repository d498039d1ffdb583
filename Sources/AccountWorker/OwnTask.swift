/// Runs `body` in a task of its own. A task keeps what its deepest call took until it ends, so one that lives for days and
/// goes deep now and then does so in another: with hundreds of accounts that is most of their memory.
func inOwnTask<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
  async let result = body()
  return try await result
}
