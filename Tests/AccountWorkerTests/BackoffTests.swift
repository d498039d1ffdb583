import IMAPProtocol
import MailConnections
import NIOCore
import NIOPosix
import Testing

@testable import AccountWorker

@Suite("When an account is tried again")
struct BackoffTests {
  private func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
  }

  @Test("pauses double up to their longest, with jitter around them")
  func growth() {
    var backoff = Backoff()
    let pauses = (0..<12).map { _ in seconds(backoff.pause(after: .network, jitter: 0.5)) }
    #expect(pauses == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30, 30])
    backoff.reset()
    #expect(seconds(backoff.pause(after: .network, jitter: 0)) == 0.8)
    backoff.reset()
    #expect(seconds(backoff.pause(after: .network, jitter: 1)) == 1.2)
  }

  @Test("what a try in a dead network took is a part of the pause; a server that is busy gets all of it")
  func lasted() {
    var backoff = Backoff()
    let pauses = (0..<8).map { number in
      seconds(backoff.pause(after: .network, jitter: 0.5, lasted: .seconds(number < 7 ? 20 : 300)))
    }
    #expect(pauses == [1, 1, 1, 1, 1, 10, 10, 1])
    #expect(seconds(backoff.pause(after: .busy, jitter: 0.5, lasted: .seconds(60))) == 10)
  }

  @Test("another cause starts anew")
  func causes() {
    var backoff = Backoff()
    for _ in 0..<5 { _ = backoff.pause(after: .network, jitter: 0.5) }
    #expect(seconds(backoff.pause(after: .refused, jitter: 0.5)) == 300)
    #expect(seconds(backoff.pause(after: .refused, jitter: 0.5)) == 600)
    #expect(seconds(backoff.pause(after: .network, jitter: 0.5)) == 1)
  }

  @Test("a refused login is not taken for a network's fault, nor the other way round")
  func classes() {
    #expect(Backoff.Cause(ConnectionError.session(.authenticationRefused("no"))) == .refused)
    #expect(Backoff.Cause(ConnectionError.session(.unavailable("later"))) == .busy)
    #expect(Backoff.Cause(ConnectionError.bye("restarting")) == .network)
    #expect(Backoff.Cause(ConnectionError.broken("reset")) == .network)
    #expect(Backoff.Cause(ConnectionError.transport(.refused(host: "a", port: 1))) == .network)
    #expect(Backoff.Cause(ConnectionError.noPassword("locked")) == .noPassword)
    #expect(Backoff.Cause(CancellationError()) == .local)
  }

  @Test(
    "V5 a pause that the server suggests is taken, within bounds",
    arguments: [
      ("Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
      ("x Suggested Backoff Time: 999999999999999999999 milliseconds", 3_600), ("Request is throttled", nil),
      ("Suggested Backoff Time: -5 milliseconds", nil), ("Suggested Backoff Time: ", nil),
    ] as [(String, Double?)])
  func throttled(_ text: String, _ expected: Double?) {
    #expect(suggestedPause(text).map(seconds) == expected)
  }
}

@Suite("What wakes a watch", .timeLimit(.minutes(1)))
struct WakeSignalTests {
  private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

  @Test("a signal that came before the sleep ends it at once, and all that came are told")
  func before() async {
    let signal = WakeSignal()
    signal.wake(.news)
    signal.wake(.survey)
    #expect(await signal.sleep(until: .distantFuture, on: eventLoop) == [.news, .survey])
    #expect(await signal.sleep(until: .now() + .milliseconds(5), on: eventLoop) == .time)
  }

  @Test("a forgotten signal wakes nobody")
  func forgotten() async {
    let signal = WakeSignal()
    signal.wake(.survey)
    signal.clear(.survey)
    #expect(await signal.sleep(until: .now() + .milliseconds(5), on: eventLoop) == .time)
  }

  @Test("a cancelled task sleeps no longer")
  func cancelled() async throws {
    let signal = WakeSignal()
    let eventLoop = eventLoop
    let task = Task { await signal.sleep(until: .distantFuture, on: eventLoop) }
    try await Task.sleep(for: .milliseconds(10))
    task.cancel()
    #expect(await task.value == [])
  }

  @Test("signals from many threads are never lost")
  func race() async {
    let signal = WakeSignal()
    for _ in 0..<2_000 {
      let waker = Task.detached { signal.wake(.work) }
      #expect(await signal.sleep(until: .distantFuture, on: eventLoop).contains(.work))
      await waker.value
      signal.clear(.work)
    }
  }
}
