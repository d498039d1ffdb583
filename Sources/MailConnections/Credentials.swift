import LinuxFiles
import SASL

/// What an account shows to its server, fetched when it is needed. Copies share what was fetched.
package struct Credentials: Sendable {
  package typealias Kind = CredentialKind

  package let kind: Kind
  /// The password or the token; empty where there is none. Asked for by each connection when the server is ready.
  package var get: @Sendable () async throws -> [UInt8]
  /// The server has refused this one: it is not given out again. True where a fresh one is worth an attempt at once.
  package var refused: @Sendable ([UInt8]) async -> Bool
  /// What could not be fetched may be tried again at once.
  package var tryAgain: @Sendable () async -> Void

  package init(
    kind: Kind = .password, get: @escaping @Sendable () async throws -> [UInt8],
    refused: @escaping @Sendable ([UInt8]) async -> Bool, tryAgain: @escaping @Sendable () async -> Void = {}
  ) {
    self.kind = kind
    self.get = get
    self.refused = refused
    self.tryAgain = tryAgain
  }

  /// Through a `CredentialSource`.
  package init(kind: Kind = .password, fetch: @escaping @Sendable () async throws -> [UInt8]) {
    let source = CredentialSource(kind: kind, fetch: fetch)
    self.init(
      kind: kind, get: { try await source.get() }, refused: { await source.refused($0) },
      tryAgain: { await source.endPause() })
  }
}

/// Fetches one account's secret when it is asked for: all that ask at the same time share one call.
///
/// A secret is kept for some minutes, so that a sync's connections ask a person once. The program that gives a token
/// knows how long it lives, and is asked again after those minutes, or before the end that the token itself names: none
/// that is about to expire is given out a second time. What was refused is dropped. A fetch that fails is not
/// tried again before a pause, which grows: whoever asks meanwhile gets the same error.
package actor CredentialSource {
  package struct Times: Sendable {
    package var lifetime: Duration = .seconds(300)
    /// How long before its end a token is not shown to a server any more.
    package var margin: Duration = .seconds(60)
    package var firstPause: Duration = .seconds(2)
    package var longestPause: Duration = .seconds(600)

    package init() {}
  }

  private let kind: CredentialKind
  private let times: Times
  private let fetch: @Sendable () async throws -> [UInt8]
  private let clock: WallClock
  private var asking: Task<[UInt8], any Error>?
  private var kept: [UInt8]?
  /// Of the secret that is kept, so that only its own end forgets it.
  private var generation = 0
  private var failure: (error: any Error, until: ContinuousClock.Instant, pause: Duration)?

  package init(
    kind: CredentialKind, times: Times = Times(), clock: WallClock = .system,
    fetch: @escaping @Sendable () async throws -> [UInt8]
  ) {
    self.kind = kind
    self.times = times
    self.clock = clock
    self.fetch = fetch
  }

  package func get() async throws -> [UInt8] {
    if kind == .none { return [] }
    if let kept { return kept }
    if let asking { return try await asking.value }
    if let failure, ContinuousClock.now < failure.until { throw failure.error }
    let task = Task { [fetch] in try await fetch() }
    asking = task
    let result = await task.result
    asking = nil
    switch result {
    case .success(let secret): keep(secret)
    case .failure(let error):
      let pause = min(failure.map { $0.pause * 2 } ?? times.firstPause, times.longestPause)
      failure = (error, .now + pause, pause)
    }
    return try result.get()
  }

  package func refused(_ secret: [UInt8]) -> Bool {
    if kept == secret { forget() }
    return kind == .token
  }

  /// The reason of a failure may be gone.
  package func endPause() { failure = nil }

  private func keep(_ secret: [UInt8]) {
    failure = nil
    var lifetime = times.lifetime
    if kind == .token, let end = TokenExpiry.seconds(of: secret) {
      let left = end - Double(clock.now().seconds)
      lifetime = min(lifetime, .seconds(min(max(left, 0), 86_400)) - times.margin)
    }
    guard lifetime > .zero else { return }
    kept = secret
    generation += 1
    Task { [weak self, generation, lifetime] in
      try? await Task.sleep(for: lifetime)
      await self?.forget(generation)
    }
  }

  private func forget(_ old: Int) {
    if generation == old { forget() }
  }

  private func forget() {
    kept = nil
  }
}
