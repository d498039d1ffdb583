import Foundation
import LinuxFiles
import MailConnections
import SASL
import Synchronization
import Testing

/// A source that counts how often it was asked.
private final class Fetches: Sendable {
  let count = Mutex(0)

  func next() -> [UInt8] { Array("secret\(count.withLock { $0 += 1; return $0 })".utf8) }
  var now: Int { count.withLock { $0 } }
}

private struct NoSecret: Error, Equatable {
  let attempt: Int
}

@Suite("Where secrets come from")
struct CredentialTests {
  private func times(lifetime: Duration = .seconds(300), pause: Duration = .seconds(2)) -> CredentialSource.Times {
    var times = CredentialSource.Times()
    (times.lifetime, times.firstPause) = (lifetime, pause)
    return times
  }

  @Test("all that ask at the same time share one call")
  func shared() async throws {
    let fetches = Fetches()
    let source = CredentialSource(kind: .password) {
      try await Task.sleep(for: .milliseconds(50))
      return fetches.next()
    }
    let secrets = try await withThrowingTaskGroup(of: [UInt8].self) { group in
      for _ in 0..<50 { group.addTask { try await source.get() } }
      return try await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(secrets == [Array("secret1".utf8)] && fetches.now == 1)
  }

  @Test("a secret is kept for its time, or until it is refused", arguments: [CredentialKind.password, .token])
  func kept(kind: CredentialKind) async throws {
    let fetches = Fetches()
    let long = CredentialSource(kind: kind, times: times()) { fetches.next() }
    let kept = try await long.get()
    #expect(try await long.get() == kept && fetches.now == 1)
    let short = CredentialSource(kind: kind, times: times(lifetime: .milliseconds(100))) { fetches.next() }
    let first = try await short.get()
    var next = first
    for _ in 0..<1_000 where next == first {
      try await Task.sleep(for: .milliseconds(10))
      next = try await short.get()
    }
    #expect(next != first && fetches.now == 3)
  }

  @Test("a token that says when it ends is given out no more before that; one that ends soon is given out once")
  func expiry() async throws {
    @Sendable func token(_ claims: String) -> [UInt8] {
      let body = Base64.encode(Array(claims.utf8)).replacing("=", with: "").replacing("+", with: "-")
      return Array("eyJhbGciOiJub25lIn0.\(body.replacing("/", with: "_")).signature".utf8)
    }
    let now = Int64(1_700_000_000)
    let clock = WallClock { FileTime(seconds: now) }
    for (claims, calls) in [
      ("{\"exp\":\(now + 3_600),\"sub\":\"?>~\"}", 1), ("{\"exp\":\(now + 61)}", 1), ("{\"exp\":\(now + 60)}", 2),
      ("{\"exp\":\(now - 5).5}", 2), ("{\"exp\":1e300}", 1), ("{\"exp\":-1e300}", 2), ("{\"exp\":\"soon\"}", 1),
      ("{}", 1), ("no claims", 1),
    ] {
      let fetches = Fetches()
      let source = CredentialSource(kind: .token, clock: clock) {
        _ = fetches.next()
        return token(claims)
      }
      _ = try await source.get()
      #expect(try await source.get() == token(claims) && fetches.now == calls, "\(claims)")
    }
    let fetches = Fetches()
    let ending = CredentialSource(kind: .token, clock: clock) {
      _ = fetches.next()
      return token("{\"exp\":\(Double(now) + 60.2)}")
    }
    _ = try await ending.get()
    for _ in 0..<1_000 where fetches.now < 2 {
      try await Task.sleep(for: .milliseconds(10))
      _ = try await ending.get()
    }
    #expect(fetches.now == 2)
  }

  @Test("the other connections' refusals of an old token don't cost the new one")
  func refusedTokens() async throws {
    let fetches = Fetches()
    let token = CredentialSource(kind: .token) { fetches.next() }
    let old = try await token.get()
    #expect(await token.refused(old))
    let new = try await token.get()
    #expect(new != old && fetches.now == 2)
    #expect(await token.refused(old))
    #expect(try await token.get() == new && fetches.now == 2)
  }

  @Test("a failure is not waited for when there is reason to hope")
  func hope() async throws {
    let fetches = Fetches()
    let source = CredentialSource(kind: .token, times: times(pause: .seconds(60))) {
      let secret = fetches.next()
      if fetches.now == 1 { throw NoSecret(attempt: 1) }
      return secret
    }
    await #expect(throws: NoSecret(attempt: 1)) { try await source.get() }
    await #expect(throws: NoSecret(attempt: 1)) { try await source.get() }
    await source.endPause()
    #expect(try await source.get() == Array("secret2".utf8))
  }

  @Test("a refused password is asked for again, but not tried at once")
  func refused() async throws {
    let fetches = Fetches()
    let source = CredentialSource(kind: .password) { fetches.next() }
    let first = try await source.get()
    #expect(await source.refused(first) == false)
    #expect(try await source.get() != first && fetches.now == 2)
  }

  @Test("a failed call is not repeated before a pause, which grows")
  func pauses() async throws {
    let fetches = Fetches()
    let source = CredentialSource(kind: .token, times: times(pause: .seconds(1))) {
      throw NoSecret(attempt: fetches.next().count > 0 ? fetches.now : 0)
    }
    for _ in 0..<5 { await #expect(throws: NoSecret(attempt: 1)) { try await source.get() } }
    try await Task.sleep(for: .milliseconds(1_100))
    for _ in 0..<5 { await #expect(throws: NoSecret(attempt: 2)) { try await source.get() } }
    try await Task.sleep(for: .milliseconds(1_100))
    await #expect(throws: NoSecret(attempt: 2)) { try await source.get() }
    try await Task.sleep(for: .milliseconds(1_100))
    await #expect(throws: NoSecret(attempt: 3)) { try await source.get() }
    #expect(fetches.now == 3)
  }

  @Test("nothing is asked for where nothing is sent")
  func none() async throws {
    let source = CredentialSource(kind: .none) { throw NoSecret(attempt: 0) }
    #expect(try await source.get() == [])
  }
}
