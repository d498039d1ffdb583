import Locks
import Logging

extension ServerEndpoint {
  /// Runs `attempt` with this endpoint. Where `isRefusal` says that its error may be the secret's, the secret is not
  /// given out again; a token may only have expired, so `attempt` is run a second time with a fresh one.
  func withFreshSecret<Connection>(
    _ logger: Logger, isRefusal: (any Error) -> Bool,
    attempt: (_ endpoint: ServerEndpoint, _ isSecond: Bool) async throws -> Connection
  ) async throws -> Connection {
    var isSecond = false
    while true {
      let shown = ShownSecret()
      var endpoint = self
      endpoint.credentials.get = { [get = credentials.get] in try await shown.keep(get()) }
      do {
        return try await attempt(endpoint, isSecond)
      } catch {
        guard isRefusal(error), let secret = shown.secret else { throw error }
        let isWorthAnother = await credentials.refused(secret)
        guard isWorthAnother, !isSecond else { throw error }
        logger.debug("the token was refused; a fresh one is tried")
        isSecond = true
      }
    }
  }
}

/// What a connection has shown to its server.
private final class ShownSecret: Sendable {
  private let state = Mutex<[UInt8]?>(nil)

  var secret: [UInt8]? { state.withLock { $0 } }

  func keep(_ secret: [UInt8]) -> [UInt8] {
    state.withLock { $0 = secret }
    return secret
  }
}
