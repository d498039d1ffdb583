import ControlProtocol
import Daemon
import Foundation
import Glibc
import Testing

@Suite struct ControlServerTests {
  private let status = "{\"method\":\"io.mailmirror.Mirror.Status\"}"

  private func withServer(
    _ limits: ControlLimits = ControlLimits(), _ body: (TestServer) async throws -> Void
  ) async throws {
    let server = try await TestServer(limits: limits)
    do {
      try await body(server)
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  @Test func callsAreAnswered() async throws {
    try await withServer { server in
      let client = try RawClient(server.path)
      #expect(
        try await client.call(status).hasPrefix(
          "{\"parameters\":{\"accounts\":[{\"holds\":[],\"mailboxes\":[],\"name\":\"work\""))
      #expect(try await client.call("{\"method\":\"org.varlink.service.GetInfo\"}").contains("io.mailmirror.Mirror"))
      for (interface, words) in [
        ("io.mailmirror.Mirror", "method Status"), ("org.varlink.service", "method GetInfo"),
      ] {
        let text = try await client.call(
          "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"\(interface)\"}}"
        )
        #expect(text.contains(words))
      }
      let pause = "{\"method\":\"io.mailmirror.Mirror.Pause\",\"parameters\":{\"accounts\":[\"home\"]}}"
      #expect(try await client.call(pause) == "{\"parameters\":{\"accounts\":[\"home\"]}}")
    }
  }

  static let errors: [(call: String, error: String)] = [
    ("{\"method\":\"no.such.Thing\"}", "InterfaceNotFound\",\"parameters\":{\"interface\":\"no.such\"}"),
    (
      "{\"method\":\"io.mailmirror.Mirror.No\"}",
      "MethodNotFound\",\"parameters\":{\"method\":\"io.mailmirror.Mirror.No\"}"
    ),
    ("{\"method\":\"org.varlink.service.No\"}", "MethodNotFound"),
    ("{\"method\":\"io.mailmirror.Mirror.Events\"}", "org.varlink.service.ExpectedMore"),
    (
      "{\"method\":\"io.mailmirror.Mirror.Status\",\"parameters\":{\"x\":1}}",
      "InvalidParameter\",\"parameters\":{\"parameter\":\"x\"}"
    ),
    ("{\"method\":\"io.mailmirror.Mirror.Status\",\"parameters\":{\"accounts\":1}}", "\"parameter\":\"accounts\""),
    (
      "{\"method\":\"io.mailmirror.Mirror.Status\",\"parameters\":{\"accounts\":[\"no\"]}}",
      "Mirror.NoSuchAccount\",\"parameters\":{\"account\":\"no\"}"
    ),
    (
      "{\"method\":\"io.mailmirror.Mirror.Reload\"}",
      "InvalidConfiguration\",\"parameters\":{\"problems\":[\"c.toml:1: a: b; c\"]}"
    ),
    ("{\"method\":\"org.varlink.service.GetInterfaceDescription\"}", "\"parameter\":\"interface\""),
  ]

  @Test(arguments: errors) func errorsAreAnswered(call: String, error: String) async throws {
    try await withServer { server in
      let client = try RawClient(server.path)
      let reply = try await client.call(call)
      #expect(reply.hasPrefix("{\"error\":\"") && reply.contains(error), "\(reply)")
      #expect(try await client.call(status).contains("accounts"))
    }
  }

  static let garbage: [[UInt8]] = [
    Array("not json\u{0}".utf8), [0], [0, 0, 0, 0], [0xFF, 0xFE, 0],
    Array("{\"method\":\"a.B\",\"method\":\"c.D\"}\u{0}".utf8),
    Array((String(repeating: "[", count: 100_000) + "\u{0}").utf8),
    Array("{\"method\":\"a.B\",\"upgrade\":true}\u{0}".utf8), Array("1e99999\u{0}".utf8),
    [UInt8](repeating: 0, count: 500_000),
  ]

  @Test(arguments: garbage) func garbageIsRefusedAndEndsTheConnection(bytes: [UInt8]) async throws {
    try await withServer { server in
      let client = try RawClient(server.path)
      await client.send(bytes)
      #expect(try await client.receive().hasPrefix("{\"error\":\"org.varlink.service.InvalidParameter\""))
      #expect(await client.hasEnded())
      #expect(try await RawClient(server.path).call(status).contains("accounts"))
    }
  }

  @Test("S29 a request of 100 MB is cut off at the limit") func aHugeRequest() async throws {
    try await withServer { server in
      let client = try RawClient(server.path)
      let sent = await client.send([UInt8](repeating: UInt8(ascii: "x"), count: 100 << 20))
      #expect(sent < 4 << 20)
      #expect(await client.hasEnded())
      #expect(try await RawClient(server.path).call(status).contains("accounts"))
    }
  }

  @Test func callsThatComeAheadAreAnsweredInOrder() async throws {
    try await withServer { server in
      let client = try RawClient(server.path)
      let calls = (0..<500).map { "{\"method\":\"a.M\($0)\"}\u{0}{\"method\":\"org.varlink.service.M\($0)\"}\u{0}" }
      // As much as fits into the sockets goes out while nobody reads the replies.
      let text = Array(calls.joined().utf8)
      Thread.detachNewThread { client.sendBlocking(text) }
      for number in 0..<500 {
        #expect(try await client.receive().contains("InterfaceNotFound"))
        #expect(try await client.receive().contains("service.M\(number)\""))
      }
    }
  }

  @Test func oneOctetAtATimeAndAHalfClosedConnection() async throws {
    try await withServer { server in
      let client = try RawClient(server.path)
      for byte in Array((status + "\u{0}").utf8) { await client.send([byte]) }
      #expect(try await client.receive().contains("accounts"))
      await client.send(status + "\u{0}" + status + "\u{0}{\"half")
      shutdown(client.descriptor, Int32(SHUT_WR))
      #expect(try await client.receive().contains("accounts"))
      #expect(try await client.receive().contains("accounts"))
      #expect(await client.hasEnded())
    }
  }

  @Test func oneWayCallsGetNoReply() async throws {
    try await withServer { server in
      let client = try RawClient(server.path)
      await client.send(
        "{\"method\":\"io.mailmirror.Mirror.Pause\",\"oneway\":true}\u{0}{\"method\":\"x.Y\",\"oneway\":true}\u{0}")
      #expect(try await client.call(status).contains("accounts"))
      #expect(server.control.paused.withLock { $0 } == ["home", "work"])
    }
  }

  @Test("S29 half a request ends in time") func halfARequest() async throws {
    var limits = ControlLimits()
    limits.requestTime = .milliseconds(300)
    try await withServer(limits) { server in
      let idle = try RawClient(server.path)
      let half = try RawClient(server.path)
      let started = ContinuousClock.now
      await half.send("{\"method\":")
      // Octets that drip in don't buy time.
      Thread.detachNewThread {
        for _ in 0..<500 where half.sendBlocking([0x20]) == 1 { usleep(20_000) }
      }
      #expect(await half.hasEnded())
      #expect(ContinuousClock.now - started < .seconds(5))
      #expect(try await idle.call(status).contains("accounts"))
    }
  }

  @Test("S29 too many clients are told so") func tooManyClients() async throws {
    var limits = ControlLimits()
    limits.connections = 4
    limits.refusals = 8
    limits.idleTime = .minutes(5)
    try await withServer(limits) { server in
      let first = try (0..<4).map { _ in try RawClient(server.path) }
      for client in first { #expect(try await client.call(status).contains("accounts")) }
      let more = try (0..<20).map { _ in try RawClient(server.path) }
      // Which of them are told and which are cut off is up to the event loops.
      var told = 0
      for client in more {
        if let reply = try? await client.receive() {
          #expect(reply.hasPrefix("{\"error\":\"io.mailmirror.Mirror.Busy\""))
          told += 1
        }
        #expect(await client.hasEnded())
      }
      #expect(told >= limits.refusals)
      for client in first { #expect(try await client.call(status).contains("accounts")) }
    }
  }

  @Test func aClientThatIsIdleForLongGivesItsPlaceUp() async throws {
    var limits = ControlLimits()
    limits.connections = 1
    limits.idleTime = .milliseconds(50)
    try await withServer(limits) { server in
      let idle = try RawClient(server.path)
      #expect(try await idle.call(status).contains("accounts"))
      try await Task.sleep(for: .milliseconds(200))
      #expect(await eventually { (try? await RawClient(server.path).call(status))?.contains("accounts") == true })
      #expect(await idle.hasEnded())
    }
  }

  @Test func aLiveStatusSkipsToTheNewest() async throws {
    try await withServer { server in
      let client = try RawClient(server.path)
      await client.send("{\"method\":\"io.mailmirror.Mirror.Status\",\"more\":true}\u{0}")
      #expect(try await client.receive().hasSuffix("\"continues\":true}"))
      let started = ContinuousClock.now
      for number in 0..<1_000 { server.control.change { $0[0].quarantined = number } }
      var replies = 0
      while true {
        replies += 1
        if try await client.receive().contains("\"quarantined\":999,") { break }
      }
      #expect(replies <= 3)
      // Ticks that change nothing are no news; four replies a second at most.
      for number in 1_000..<1_010 {
        server.control.change { $0[0].quarantined = number }
        _ = try await client.receive()
        server.control.change { _ in }
      }
      #expect(ContinuousClock.now - started > .seconds(2))
    }
  }

  @Test func aClientThatGoesAwayIsForgotten() async throws {
    try await withServer { server in
      for call in ["Status", "Events"] {
        let client = try RawClient(server.path)
        await client.send("{\"method\":\"io.mailmirror.Mirror.\(call)\",\"more\":true}\u{0}")
        _ = try await client.receive()
        #expect(server.server.connectionCount == 1)
        shutdown(client.descriptor, Int32(SHUT_RDWR))
        #expect(await eventually { server.server.connectionCount == 0 }, "\(call)")
      }
    }
  }

  @Test("S29 a client that does not read loses changes and not the daemon's memory") func aSlowClient() async throws {
    var limits = ControlLimits()
    limits.replyTime = .seconds(1)
    try await withServer(limits) { server in
      let listening =
        "{\"method\":\"io.mailmirror.Mirror.Events\",\"parameters\":{\"accounts\":[\"work\"]},\"more\":true}\u{0}"
      let slow = try RawClient(server.path)
      let quick = try RawClient(server.path)
      await slow.send(listening)
      await quick.send(listening)
      #expect(try await quick.receive() == "{\"parameters\":{},\"continues\":true}")
      #expect(try await slow.receive() == "{\"parameters\":{},\"continues\":true}")
      let change = MailChange(
        account: "work", mailbox: "INBOX", kind: .new, time: "2026-02-01T09:30:00Z",
        subject: String(repeating: "x", count: 900))
      server.control.feed.publish(MailChange(account: "home", mailbox: "INBOX", kind: .new, time: ""))
      var seen = 0
      for number in 0..<5_000 {
        var change = change
        change.uid = UInt32(number)
        server.control.feed.publish(change)
        if number % 500 == 499 {
          while seen <= number {
            #expect(try await quick.receive().contains("\"uid\":\(seen)}"))
            seen += 1
          }
        }
      }
      #expect(await eventually { server.server.connectionCount == 1 })
      var kept = 0
      while (try? await slow.receive()) != nil { kept += 1 }
      #expect(kept > 0 && kept < 2_000)
      server.control.feed.publish(change)
      #expect(try await quick.receive().contains("\"subject\":\"xxx"))
    }
  }

  @Test func whatASlowClientLostIsCounted() async {
    let feed = ChangeFeed()
    let stream = feed.listen(to: [])
    for number in 0..<(ChangeStream.capacity + 7) {
      feed.publish(MailChange(account: "a", mailbox: "m", kind: .gone, time: "", uid: UInt32(number)))
    }
    feed.end()
    var elements: [ChangeStream.Element] = []
    for await element in stream { elements.append(element) }
    #expect(elements.count == ChangeStream.capacity)
    #expect(elements.first?.lost == 7 && elements.first?.change.uid == 7)
    #expect(elements.dropFirst().allSatisfy { $0.lost == 0 } && elements.last?.change.uid == 1_006)
  }

  @Test func aSyncTellsItsProgressAndOutlivesItsClient() async throws {
    try await withServer { server in
      server.control.syncSteps.withLock { $0 = 400 }
      let client = try RawClient(server.path)
      await client.send("{\"method\":\"io.mailmirror.Mirror.Sync\",\"more\":true}\u{0}")
      #expect(try await client.receive().contains("\"progress\":{\"account\":\"work\""))
      shutdown(client.descriptor, Int32(SHUT_RDWR))
      #expect(await eventually { server.server.connectionCount == 0 })
      #expect(await eventually { server.control.syncs.withLock { $0 } == 1 })
      let other = try RawClient(server.path)
      server.control.syncSteps.withLock { $0 = 1 }
      let reply = try await other.call(
        "{\"method\":\"io.mailmirror.Mirror.Sync\",\"parameters\":{\"targets\":[\"home\"]}}")
      #expect(reply.contains("\"results\":[{\"account\":\"home\"") && !reply.contains("continues"))
    }
  }

  @Test func actionsAreBounded() async throws {
    var limits = ControlLimits()
    limits.actions = 2
    try await withServer(limits) { server in
      server.control.syncSteps.withLock { $0 = 1_500 }
      let clients = try (0..<3).map { _ in try RawClient(server.path) }
      for client in clients { await client.send("{\"method\":\"io.mailmirror.Mirror.Sync\"}\u{0}") }
      var replies: [String] = []
      for client in clients { replies.append(try await client.receive()) }
      #expect(replies.count { $0.contains("io.mailmirror.Mirror.Busy") } == 1)
    }
  }

  @Test func theCommandsClient() async throws {
    try await withServer { server in
      let client = try await ControlClient.connect(to: server.path)
      let instance = try await client.call(VarlinkCall(name: "Instance"), as: DaemonInstance.self, patience: 5)
      #expect(instance.stateDirectory == "/s" && client.peer?.process == getpid())
      let report = try await client.call(VarlinkCall(name: "Status"), as: StatusReport.self, patience: 5)
      #expect(report.accounts.map(\.name) == ["work", "home"])
      await #expect(throws: VarlinkError.expectedMore) {
        try await client.call(VarlinkCall(name: "Events"), as: Reply.Event.self, patience: 5)
      }
      // A task that is cancelled gives the connection up.
      let path = server.path
      let following = Task {
        try await ControlClient.connect(to: path).exchange(
          VarlinkCall(name: "Events", wantsMore: true), as: Reply.Event.self, patience: nil, each: { _ in })
      }
      #expect(await eventually { server.server.connectionCount == 2 })
      following.cancel()
      await #expect(throws: ControlClient.Failure.ended) { try await following.value }
      #expect(await eventually { server.server.connectionCount == 1 })
    }
    await #expect(throws: ControlClient.Failure.nobody) { try await ControlClient.connect(to: "/nowhere/s") }
  }
}
