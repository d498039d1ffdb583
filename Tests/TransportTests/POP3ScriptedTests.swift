import Foundation
import Logging
import MailModel
import NIOCore
import NIOPosix
import POP3Protocol
import SASL
import Synchronization
import Testing

@testable import MailConnections
@testable import Transport

@Suite("A POP3 server that does as it likes")
struct POP3ScriptedTests {
  private func endpoint(_ server: ScriptedServer, tls: TLSMode = .none, token: Bool = false) -> ServerEndpoint {
    ServerEndpoint(
      transport: TransportSettings(host: "127.0.0.1", port: server.port, tls: tls, connectTimeout: .seconds(5)),
      user: "someone", credentials: Credentials(kind: token ? .token : .password) { Array("secret".utf8) },
      timeout: .seconds(20))
  }

  private func open(
    _ endpoint: ServerEndpoint, _ budget: InFlightBudget = InFlightBudget()
  ) async throws -> POP3Connection {
    try await POP3Connection.open(
      endpoint, group: MultiThreadedEventLoopGroup.singleton, budget: budget, logger: Logger(label: "test"))
  }

  /// The error of a login that must fail without the password having been asked for.
  private func failure(
    tls: TLSMode, greeting: String, _ answer: @escaping @Sendable (String) -> [String]?
  ) async throws -> POP3Failure? {
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
      return error as? POP3Failure
    }
  }

  private static let capabilities = "+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\nSTLS\r\n.\r\n"

  /// Signs in whoever comes, and answers what follows as told.
  private static func server(
    capabilities: String = capabilities, _ answer: @escaping @Sendable (String) -> [String]?
  ) async throws -> ScriptedServer {
    try await ScriptedServer(greeting: "+OK ready\r\n") { line in
      let line = line.trimmingCharacters(in: .whitespacesAndNewlines)
      if line == "CAPA" { return [capabilities] }
      if line.hasPrefix("USER") || line.hasPrefix("PASS") { return ["+OK\r\n"] }
      return answer(line)
    }
  }

  @Test("S13 octets together with the answer to STLS end the connection") func startTLSInjection() async throws {
    for extra in ["+OK\r\n", "x", "\r\n"] {
      let error = try await failure(tls: .startTLS, greeting: "+OK ready\r\n") { line in
        line.contains("STLS") ? ["+OK go ahead\r\n" + extra] : [Self.capabilities]
      }
      guard case .session(.protocolViolation)? = error else {
        Issue.record("\(extra.debugDescription): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("S13 answers that come before they are asked for end the connection") func earlyAnswers() async throws {
    for greeting in ["+OK ready\r\n" + Self.capabilities + "+OK\r\n", "+OK ready\r\n+OK\r\n"] {
      let error = try await failure(tls: .startTLS, greeting: greeting) { _ in [] }
      guard case .session(.protocolViolation)? = error else {
        Issue.record("\(greeting.debugDescription): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("S15 S17 other greetings, STLS missing or refused: no credentials go out") func startTLSMissing() async throws {
    let without = "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"
    for (greeting, capabilities, answer) in [
      ("* PREAUTH welcome\r\n", without, ""), ("HTTP/1.1 200 OK\r\n", without, ""), ("+OK ready\r\n", without, ""),
      ("+OK ready\r\n", Self.capabilities, "-ERR no\r\n"), ("+OK ready\r\n", "-ERR what\r\n", ""),
    ] {
      let error = try await failure(tls: .startTLS, greeting: greeting) { line in
        if ["USER", "PASS", "AUTH", "APOP"].contains(where: line.hasPrefix) { Issue.record("sent \(line)") }
        return line.contains("CAPA") ? [capabilities] : [answer]
      }
      #expect(error != nil, "\(greeting) \(capabilities)")
    }
  }

  @Test("P3 a connection cut in a message aborts it; what came before is delivered") func cut() async throws {
    let server = try await Self.server { line in
      line == "RETR 1" ? ["+OK\r\nwhole\r\n.\r\n"] : line == "RETR 2" ? ["+OK\r\nhalf\r\n"] : nil
    }
    let connection = try await open(endpoint(server))
    let receiver = CollectingReceiver()
    await #expect(throws: POP3Failure.dropped("the server ended it in the middle of a message")) {
      try await connection.retrieve([1, 2, 3]) { _ in receiver.begin(announcedSize: 0) }
    }
    #expect(receiver.all.map { $0.attributes != nil } == [true, false])
    #expect(receiver.all.map { $0.error != nil } == [false, true])
    #expect(!connection.isOpen)
    await server.stop()
  }

  @Test("P5 P7 S3 listings with what no server may say") func listings() async throws {
    let long = String(repeating: "x", count: 1 << 20)
    let uidl =
      "+OK\r\n1 a\r\n2 ../../x\r\n3\r\n4 \r\n5 b\r\n5 c\r\n6 a\r\n0 z\r\nx y\r\n7 \(long)\r\n8 \u{1}\0 odd\r\n9 \(String(repeating: "y", count: 200))\r\n.\r\n"
    let server = try await Self.server { line in
      line == "UIDL"
        ? [uidl]
        : line == "STAT" ? ["+OK 9\r\n"] : ["+OK\r\n1 120\r\n2 -1\r\n9 9999999999 octets\r\n2000000 1\r\n.\r\n"]
    }
    let connection = try await open(endpoint(server))
    var listing: [UniqueIDListing.Entry] = []
    let answers = try await connection.list { page, _ in listing += page }
    #expect(listing.map(\.number) == [1, 2, 5, 6, 8, 9] && answers.names?.repeated == [5])
    listing.removeAll { $0.number == 5 }
    #expect(listing.map(\.id.description).prefix(3) == ["a", "../../x", "a"])
    #expect(listing.dropFirst(3).allSatisfy { $0.id.description.hasPrefix("sha256:") && $0.id.bytes.count == 71 })
    #expect(answers.names?.isCut == true)
    let sizes = answers.sizes
    #expect(sizes[1] == 120 && sizes[2] == nil && sizes[9] == 9_999_999_999 && sizes[5] == nil && sizes.isCut)
    #expect(answers.status == MaildropStatus(count: 9, octets: 0))
    connection.close()
    await server.stop()
  }

  @Test("no UIDL is nil; one that is announced and refused, or can't be had now, is an error") func noUniqueIDs()
    async throws
  {
    let without = Self.capabilities.replacingOccurrences(of: "UIDL\r\n", with: "")
    for (answer, capabilities, failure) in [
      ("-ERR what\r\n", without, nil),
      ("-ERR what\r\n", Self.capabilities, .refused(command: "UIDL", ReplyText(text: "what"))),
      ("-ERR [SYS/TEMP] sick\r\n", without, .wait(POP3Wait(kind: .temporary, text: "sick"))),
    ] as [(String, String, POP3Failure?)] {
      let server = try await Self.server(capabilities: capabilities) { line in
        switch line {
        case "UIDL": [answer]
        case "STAT": ["+OK 0 0\r\n"]
        case "LIST": ["+OK\r\n.\r\n"]
        default: nil
        }
      }
      let connection = try await open(endpoint(server))
      if let failure {
        await #expect(throws: failure) { try await connection.list { _, _ in } }
      } else {
        #expect(try await connection.list { _, _ in }.names == nil)
      }
      #expect(connection.isOpen)
      connection.close()
      await server.stop()
    }
  }

  /// Each message is its number; `extra` comes behind the answer to RETR 2.
  private func outOfStep(_ extra: String) async throws -> (Result<RetrieveOutcome, any Error>, [Int: String]) {
    let server = try await Self.server { line in
      if line == "STAT" { return ["+OK 5 50\r\n"] }
      return ["+OK 10 octets\r\n\(line.dropFirst(5))\r\n.\r\n" + (line == "RETR 2" ? extra : "")]
    }
    let connection = try await open(endpoint(server))
    let receivers = (1...5).map { _ in CollectingReceiver() }
    let result: Result<RetrieveOutcome, any Error>
    do {
      result = .success(try await connection.retrieve(Array(1...5)) { receivers[$0 - 1].begin(announcedSize: 0) })
    } catch {
      result = .failure(error)
    }
    var seen: [Int: String] = [:]
    for (index, receiver) in receivers.enumerated() {
      for message in receiver.all where message.attributes != nil {
        seen[index + 1] = String(decoding: message.bytes, as: UTF8.self)
      }
    }
    connection.close()
    await server.stop()
    return (result, seen)
  }

  @Test(
    "a line too many never makes one message another's",
    arguments: ["+OK\r\n", "+OK 9 octets\r\n", "-ERR\r\n", "x\r\n", ".\r\n"])
  func oneLineTooMany(_ extra: String) async throws {
    let (_, seen) = try await outOfStep(extra)
    for (number, text) in seen { #expect(text == "\(number)\n") }
    #expect(seen[1] != nil)
  }

  @Test("messages that are refused, or begin as an answer does, cost no other its delivery") func oddMessages()
    async throws
  {
    let server = try await Self.server { line in
      switch line {
      case "STAT": ["+OK 9 90\r\n"]
      case "RETR 2", "RETR 5": ["-ERR broken\r\n"]
      case "RETR 3": ["+OK\r\n+OK I am a message\r\n.\r\n"]
      case "RETR 4": ["+OK\r\n.\r\n"]
      case "RETR 6": ["+OK\r\n-ERR\r\n.\r\n"]
      default: ["+OK\r\n\(line)\r\n.\r\n"]
      }
    }
    let connection = try await open(endpoint(server))
    let receiver = CollectingReceiver()
    let outcome = try await connection.retrieve(Array(1...9)) { _ in receiver.begin(announcedSize: 0) }
    #expect(outcome.delivered == [1, 3, 4, 6, 7, 8, 9])
    #expect(outcome.refused.map(\.number) == [2, 5])
    #expect(
      receiver.all.map { String(decoding: $0.bytes, as: UTF8.self) }
        == ["RETR 1\n", "+OK I am a message\n", "", "-ERR\n", "RETR 7\n", "RETR 8\n", "RETR 9\n"])
    #expect(receiver.all.allSatisfy { $0.error == nil })
    try await connection.noop()
    connection.close()
    await server.stop()
  }

  @Test("commands are pipelined where the server can, and only there", arguments: [true, false])
  func pipelining(_ has: Bool) async throws {
    let waiting = Mutex(0)
    let server = try await Self.server(capabilities: has ? Self.capabilities : "+OK\r\nUSER\r\nUIDL\r\n.\r\n") { line in
      guard line.hasPrefix("RETR") else { return ["+OK\r\n"] }
      guard has else { return ["+OK\r\nx\r\n.\r\n"] }
      // Nothing is answered before all ten are here.
      let count = waiting.withLock { value in
        value += 1
        return value
      }
      return count < 10 ? [] : [String(repeating: "+OK\r\nx\r\n.\r\n", count: 10)]
    }
    let connection = try await open(endpoint(server))
    let receiver = CollectingReceiver()
    #expect(
      try await connection.retrieve(Array(1...10)) { _ in receiver.begin(announcedSize: 0) }.delivered.count == 10)
    #expect(receiver.all.allSatisfy { $0.bytes == Array("x\n".utf8) })
    connection.close()
    await server.stop()
  }

  @Test("a message that nobody wants passes; one that is refused begins no sink") func unwanted() async throws {
    let server = try await Self.server { line in
      if line == "STAT" { return ["+OK 3 30\r\n"] }
      return line == "RETR 2" ? ["-ERR no such message\r\n"] : ["+OK\r\n\(line)\r\n.\r\n"]
    }
    let connection = try await open(endpoint(server))
    let receiver = CollectingReceiver()
    let outcome = try await connection.retrieve([1, 2, 3]) { $0 == 1 ? nil : receiver.begin(announcedSize: 0) }
    #expect(outcome.delivered == [3])
    #expect(outcome.refused.map(\.number) == [2])
    #expect(receiver.all.map(\.bytes) == [Array("RETR 3\n".utf8)])
    connection.close()
    await server.stop()
  }

  @Test("P11 an outcome is unknown only where QUIT went out and no +OK came") func quit() async throws {
    for (answer, isUnknown) in [
      (nil, true), (["-ERR some deleted messages not removed\r\n"], true), (["+OK bye\r\n"], false),
    ] as [([String]?, Bool)] {
      let server = try await Self.server { line in line == "QUIT" ? answer : ["+OK\r\n"] }
      let connection = try await open(endpoint(server))
      _ = try await connection.delete([1])
      if isUnknown {
        do {
          try await connection.quit()
          Issue.record("it returned")
        } catch {
          guard case .unknownOutcome? = error as? POP3Failure else { Issue.record("\(error)"); continue }
        }
      } else {
        try await connection.quit()
      }
      #expect(!connection.isOpen)
      await server.stop()
    }
    let server = try await Self.server { _ in nil }
    let connection = try await open(endpoint(server))
    await #expect(throws: POP3Failure.self) { try await connection.noop() }
    do {
      try await connection.quit()
      Issue.record("it returned")
    } catch {
      if case .unknownOutcome? = error as? POP3Failure { Issue.record("QUIT was never sent") }
    }
    await server.stop()
  }

  @Test("silence is noticed; a cancelled task closes the connection; a farewell is told") func silence() async throws {
    let server = try await Self.server { _ in [] }
    var hasty = endpoint(server)
    hasty.timeout = .seconds(1)
    let connection = try await open(hasty)
    await #expect(throws: POP3Failure.timedOut(waitingFor: "RETR")) {
      try await connection.retrieve([1]) { _ in nil }
    }
    let other = try await open(endpoint(server))
    let task = Task { try await other.retrieve([1]) { _ in nil } }
    try await Task.sleep(for: .milliseconds(50))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(!other.isOpen)
    await server.stop()
  }

  @Test("reading stops while nothing is given back, without a timeout, and goes on afterwards")
  func backpressure() async throws {
    let size = 8 << 20
    let text = String(repeating: "x", count: size)
    let server = try await Self.server { _ in ["+OK\r\n", text, "\r\n.\r\n"] }
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
    async let outcome = connection.retrieve([1]) { _ in receiver.begin(announcedSize: 0) }
    for _ in 0..<1_000 where budget.used < 1 << 20 { try await Task.sleep(for: .milliseconds(10)) }
    try await Task.sleep(for: .milliseconds(2_500))
    #expect(budget.used >= 1 << 20)
    #expect(budget.used <= (1 << 20) + (512 << 10))
    isHolding.withLock { $0 = false }
    for release in held.withLock({ $0 }) { release() }
    #expect(try await outcome.delivered == [1])
    #expect(budget.used == 0)
    #expect(receiver.all.first?.octets == size + 1)
    connection.close()
    await server.stop()
  }

  @Test("a token goes out again, fresh and in the other form, where the server ends the session over it")
  func tokenForms() async throws {
    let attempts = Mutex<[String]>([])
    let server = try await ScriptedServer(greeting: "+OK ready\r\n") { line in
      if line.hasPrefix("CAPA") { return ["+OK\r\nSASL XOAUTH2\r\nUIDL\r\nPIPELINING\r\n.\r\n"] }
      attempts.withLock { $0.append(String(line.prefix(13))) }
      if line.hasPrefix("AUTH XOAUTH2 ") { return nil }
      return line.hasPrefix("AUTH") ? ["+ \r\n"] : ["+OK\r\n"]
    }
    var endpoint = endpoint(server, token: true)
    endpoint.credentials = Credentials(kind: .token) { Array(String(repeating: "t", count: 1_500).utf8) }
    let connection = try await open(endpoint)
    #expect(attempts.withLock { $0 }.count == 3)
    #expect(attempts.withLock { $0 }.first == "AUTH XOAUTH2 ")
    connection.close()
    await server.stop()
  }
}
