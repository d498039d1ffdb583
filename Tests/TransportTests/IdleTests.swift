import IMAPProtocol
import Logging
import MailModel
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import MailConnections

@Suite("IDLE as an operation among others")
struct IdleQueueTests {
  private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

  /// The queue's bytes as text.
  private func output(_ queue: inout CommandQueue) -> String {
    String(decoding: queue.takeOutput(CapabilitySet(["IMAP4rev1", "IDLE"])), as: UTF8.self)
  }

  private func tagged(_ tag: String, _ status: Tagged.Status = .ok) -> Tagged {
    Tagged(tag: tag, status: status, text: ResponseText())
  }

  private func idle(_ news: Counter = Counter()) -> (IdleOperation, EventLoopFuture<Void>) {
    let promise = eventLoop.makePromise(of: Void.self)
    return (IdleOperation(exists: 3, onNews: { news.add() }, promise), promise.futureResult)
  }

  private func noop() -> (PlainOperation, EventLoopFuture<Void>) {
    let promise = eventLoop.makePromise(of: Void.self)
    return (PlainOperation(.noop, promise), promise.futureResult)
  }

  @Test("what follows goes out along with DONE, and its answer is its own")
  func pipelined() async throws {
    var queue = CommandQueue()
    let (operation, over) = idle()
    queue.enqueue(operation)
    #expect(output(&queue) == "M1 IDLE\r\n")
    let (next, done) = noop()
    queue.enqueue(next)
    #expect(output(&queue) == "")
    #expect(queue.continued() == [])
    operation.end()
    #expect(output(&queue) == "DONE\r\nM2 NOOP\r\n")
    #expect(queue.current === operation)
    queue.answered(tagged("M1"))
    #expect(queue.current === next)
    try await over.get()
    queue.answered(tagged("M2"))
    #expect(output(&queue) == "")
    try await done.get()
    #expect(queue.current == nil)
  }

  @Test("DONE waits for the server's +")
  func doneWaits() {
    var queue = CommandQueue()
    let (operation, _) = idle()
    queue.enqueue(operation)
    #expect(output(&queue) == "M1 IDLE\r\n")
    operation.end()
    #expect(output(&queue) == "")
    _ = queue.continued()
    #expect(output(&queue) == "DONE\r\n")
    queue.failAll(ConnectionError.closed)
  }

  @Test("an IDLE that is ended before it began sends nothing")
  func neverBegan() async throws {
    var queue = CommandQueue()
    let (operation, over) = idle()
    operation.end()
    queue.enqueue(operation)
    #expect(output(&queue) == "")
    try await over.get()
  }

  @Test("a server that refuses IDLE fails it, and the next operation goes on", arguments: [Tagged.Status.no, .bad])
  func refused(_ status: Tagged.Status) async throws {
    var queue = CommandQueue()
    let news = Counter()
    let (operation, over) = idle(news)
    queue.enqueue(operation)
    _ = output(&queue)
    let (next, done) = noop()
    queue.enqueue(next)
    queue.answered(tagged("M1", status))
    #expect(output(&queue) == "M2 NOOP\r\n")
    await #expect(throws: ConnectionError.self) { try await over.get() }
    #expect(news.count == 1)
    queue.answered(tagged("M2"))
    _ = output(&queue)
    try await done.get()
  }

  @Test("news is what changes the mailbox; our own DONE is none")
  func news() {
    let news = Counter()
    let (operation, _) = idle(news)
    _ = operation.next(unanswered: 0, capabilities: CapabilitySet())
    operation.continued()
    #expect(operation.maySayNothing)
    operation.received(.condition(.ok, ResponseText()))
    operation.received(.exists(3))
    #expect(news.count == 0)
    operation.received(.exists(4))
    operation.received(.exists(4))
    operation.received(.expunge(1))
    operation.received(.vanished(earlier: false, UIDSet(ranges: CollectionOfOne(1...2))))
    #expect(news.count == 3)
    operation.received(.exists(4))
    #expect(news.count == 4)
    operation.end()
    #expect(String(decoding: operation.takeBytes(), as: UTF8.self) == "DONE\r\n")
    #expect(!operation.maySayNothing)
    operation.complete()
    #expect(news.count == 4)
  }
}

@Suite("IDLE on a connection")
struct IdleConnectionTests {
  @Test("Q17 a server that does not answer DONE is given up; one that idles in silence is not")
  func silence() async throws {
    let server = try await ScriptedServer(greeting: "* OK [CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN SASL-IR] ready\r\n") {
      line in
      if line.contains("CAPABILITY") {
        return ["* CAPABILITY IMAP4rev1 IDLE\r\n", "\(line.commandTag) OK\r\n"]
      }
      if line.contains("IDLE") { return ["+ idling\r\n"] }
      return line.hasPrefix("DONE") ? [] : ["\(line.commandTag) OK\r\n"]
    }
    let connection = try await IMAPConnection.open(
      ServerEndpoint(
        transport: .init(host: "127.0.0.1", port: server.port, tls: .none, connectTimeout: .seconds(5)),
        user: "someone", credentials: Credentials { Array("secret".utf8) }, timeout: .seconds(1)),
      group: MultiThreadedEventLoopGroup.singleton, budget: InFlightBudget(), logger: Logger(label: "test"))
    let idling = connection.idle(exists: 0) {}
    try await Task.sleep(for: .milliseconds(2_500))
    #expect(connection.isOpen)
    idling.end()
    await #expect(throws: ConnectionError.self) { try await idling.ended() }
    #expect(!connection.isOpen)
    await server.stop()
  }
}

private final class Counter: Sendable {
  private let value = Mutex(0)
  var count: Int { value.withLock { $0 } }
  func add() { value.withLock { $0 += 1 } }
}
