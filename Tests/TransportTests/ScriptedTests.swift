import Foundation
import IMAPProtocol
import Logging
import MailModel
import NIOPosix
import Synchronization
import Testing

@testable import MailConnections
@testable import Transport

@Suite("A server that does as it likes")
struct ScriptedTests {
  private func endpoint(_ server: ScriptedServer, tls: TLSMode = .none) -> ServerEndpoint {
    ServerEndpoint(
      transport: TransportSettings(host: "127.0.0.1", port: server.port, tls: tls, connectTimeout: .seconds(5)),
      user: "someone", credentials: Credentials { Array("secret".utf8) }, timeout: .seconds(2))
  }

  private func open(
    _ endpoint: ServerEndpoint, _ budget: InFlightBudget = InFlightBudget()
  ) async throws -> IMAPConnection {
    try await IMAPConnection.open(
      endpoint, group: MultiThreadedEventLoopGroup.singleton, budget: budget, logger: Logger(label: "test"))
  }

  /// The error of a login that must fail without the password having been asked for.
  private func failure(tls: TLSMode, greeting: String, _ answer: @escaping @Sendable (String) -> [String]?) async throws
    -> ConnectionError?
  {
    let server = try await ScriptedServer(greeting: greeting, answer: answer)
    var endpoint = endpoint(server, tls: tls)
    endpoint.credentials.get = {
      Issue.record("the password was asked for")
      return []
    }
    do {
      (try await open(endpoint)).close()
      await server.stop()
      return nil
    } catch {
      await server.stop()
      return error as? ConnectionError
    }
  }

  private static let greeting = "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR] ready\r\n"

  @Test("S13 bytes together with the answer to STARTTLS end the connection")
  func startTLSInjection() async throws {
    for extra in ["* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", "x", "\r\n"] {
      let error = try await failure(tls: .startTLS, greeting: Self.greeting) { line in
        line.contains("STARTTLS") ? ["\(line.commandTag) OK go ahead\r\n" + extra] : ["\(line.commandTag) OK\r\n"]
      }
      guard case .session(.protocolViolation)? = error else {
        Issue.record("\(extra.debugDescription): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("S15 PREAUTH when TLS is required ends the connection before any command")
  func preauth() async throws {
    let error = try await failure(tls: .startTLS, greeting: "* PREAUTH [CAPABILITY IMAP4rev1] welcome\r\n") { line in
      if !line.hasSuffix("LOGOUT\r") && !line.hasSuffix("LOGOUT") { Issue.record("sent \(line)") }
      return nil
    }
    guard case .session? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("S17 no credentials go out when STARTTLS is missing or refused, or the greeting is none")
  func startTLSMissing() async throws {
    let withoutIt = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
    for (greeting, answer) in [
      (Self.greeting, "NO not now"), (Self.greeting, "BAD what"), (withoutIt, "BAD what"),
      ("HTTP/1.1 200 OK\r\n", "NO"),
    ] {
      let error = try await failure(tls: .startTLS, greeting: greeting) { line in
        if line.contains("AUTHENTICATE") || line.contains("LOGIN") { Issue.record("sent \(line)") }
        return line.contains("CAPABILITY")
          ? ["* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n\(line.commandTag) OK\r\n"] : ["\(line.commandTag) \(answer)\r\n"]
      }
      #expect(error != nil, "\(greeting) \(answer)")
    }
  }

  /// Logs in, selects nothing, and answers FETCH as told.
  private static func fetchServer(_ fetch: @escaping @Sendable (String) -> [String]?) async throws -> ScriptedServer {
    try await ScriptedServer(greeting: "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n") { line in
      if line.contains("UID FETCH") { return fetch(line.commandTag) }
      if line.contains("CAPABILITY") { return ["* CAPABILITY IMAP4rev1\r\n\(line.commandTag) OK\r\n"] }
      if line.contains("AUTHENTICATE") { return ["\(line.commandTag) OK [CAPABILITY IMAP4rev1] in\r\n"] }
      return ["\(line.commandTag) OK done\r\n"]
    }
  }

  @Test("G5 EOF inside a literal aborts the message and breaks the connection")
  func cutLiteral() async throws {
    let count = Mutex(0)
    let server = try await Self.fetchServer { tag in
      let isFirst = count.withLock { value in
        value += 1
        return value == 1
      }
      return isFirst
        ? ["* 1 FETCH (UID 5 FLAGS () BODY[] {3}\r\nab\n)\r\n* 2 FETCH (UID 6 BODY[] {100}\r\nSubject: cut\r\n"] : nil
    }
    let connection = try await open(endpoint(server))
    let receiver = CollectingReceiver()
    await #expect(throws: ConnectionError.self) {
      // The second command makes the server hang up in the middle of the answer to the first.
      try await connection.fetchMessages([UIDSet(ranges: [5...6]), UIDSet(ranges: [7...7])], into: receiver)
    }
    let messages = receiver.all
    #expect(messages.count == 2)
    #expect(messages.first?.attributes?.uid == UID(5))
    #expect(messages.first?.received == ReceivedBody(wireOctets: 3, storedOctets: 3, lineEnds: .runs([0, 1])))
    #expect(messages.last?.attributes == nil)
    #expect(messages.last?.error != nil)
    #expect(!connection.isOpen)
    await server.stop()
  }

  @Test("bodies that were not asked for, come twice or without a UID are not delivered; a refused batch is named")
  func strangeBodies() async throws {
    let server = try await Self.fetchServer { tag in
      [
        "* 1 FETCH (UID 9 BODY[] {1}\r\na)\r\n* 2 FETCH (BODY[] {1}\r\nb)\r\n* 3 FETCH (UID 5 BODY[] {1}\r\nc)\r\n",
        "* 3 FETCH (UID 5 BODY[] {1}\r\nd)\r\n* 4 FETCH (UID 6 BODY[] NIL)\r\n\(tag) NO [UNAVAILABLE] some\r\n",
      ]
    }
    let connection = try await open(endpoint(server))
    let receiver = CollectingReceiver()
    let outcome = try await connection.fetchMessages([UIDSet(ranges: [5...6])], into: receiver)
    #expect(outcome.delivered == UIDSet(ranges: [5...5]))
    #expect(outcome.refused.map(\.uids) == [UIDSet(ranges: [5...6])])
    #expect(outcome.refused.first?.text.code == .unavailable)
    #expect(receiver.all.filter { $0.attributes != nil }.map(\.bytes) == [Array("c".utf8)])
    #expect(receiver.all.filter { $0.error != nil }.count == 3)
    connection.close()
    await server.stop()
  }

  @Test("reading stops while nothing is given back, without a timeout, and goes on afterwards")
  func backpressure() async throws {
    let size = 8 << 20
    let text = String(repeating: "x", count: size)
    let server = try await Self.fetchServer { tag in
      ["* 1 FETCH (UID 5 BODY[] {\(size)}\r\n", text, ")\r\n\(tag) OK\r\n"]
    }
    let budget = InFlightBudget()
    var endpoint = endpoint(server)
    endpoint.timeout = .seconds(1)
    let connection = try await open(endpoint, budget)
    let held = Mutex<[@Sendable () -> Void]>([])
    let isHolding = Mutex(true)
    let receiver = CollectingReceiver(keepsBytes: false) { _, release in
      let isHeld = isHolding.withLock { $0 }
      if isHeld { held.withLock { $0.append(release) } } else { release() }
    }
    async let outcome = connection.fetchMessages([UIDSet(ranges: [5...5])], into: receiver)
    for _ in 0..<1_000 where budget.used < 1 << 20 { try await Task.sleep(for: .milliseconds(10)) }
    try await Task.sleep(for: .milliseconds(2_500))
    #expect(budget.used >= 1 << 20)
    #expect(budget.used <= (1 << 20) + (512 << 10))
    isHolding.withLock { $0 = false }
    for release in held.withLock({ $0 }) { release() }
    #expect(try await outcome.delivered.count == 1)
    #expect(budget.used == 0)
    connection.close()
    await server.stop()
  }

  @Test("a server that says nothing is noticed; a cancelled task closes the connection")
  func silence() async throws {
    let server = try await Self.fetchServer { _ in [] }
    var endpoint = endpoint(server)
    endpoint.timeout = .seconds(1)
    let connection = try await open(endpoint)
    await #expect(throws: ConnectionError.timedOut(waitingFor: "UID FETCH")) {
      try await connection.fetchMessages([UIDSet(ranges: [5...5])], into: CollectingReceiver())
    }
    let other = try await open(self.endpoint(server))
    let task = Task { try await other.fetchMessages([UIDSet(ranges: [5...5])], into: CollectingReceiver()) }
    try await Task.sleep(for: .milliseconds(50))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(!other.isOpen)
    await server.stop()
  }

  @Test("BYE and an error of the task that takes batches: the first ends the connection, the second does not")
  func byeAndBatches() async throws {
    let server = try await Self.fetchServer { tag in
      ["* 1 FETCH (UID 5 FLAGS (\\Seen))\r\n* 2 FETCH (UID 6 FLAGS ())\r\n\(tag) OK\r\n"]
    }
    let connection = try await open(endpoint(server))
    struct Stop: Error {}
    await #expect(throws: Stop.self) {
      _ = try await connection.fetchAttributes(UIDSet(ranges: [1...9]), [.flags]) { _ in throw Stop() }
    }
    let count = Mutex(0)
    _ = try await connection.fetchAttributes(UIDSet(ranges: [1...9]), [.flags]) { batch in
      count.withLock { $0 += batch.count }
    }
    #expect(count.withLock { $0 } == 2)
    connection.close()
    await server.stop()

    let leaving = try await Self.fetchServer { _ in ["* BYE going down\r\n"] }
    let last = try await open(endpoint(leaving))
    await #expect(throws: ConnectionError.bye("going down")) {
      try await last.fetchMessages([UIDSet(ranges: [5...5])], into: CollectingReceiver())
    }
    await leaving.stop()
  }
}
