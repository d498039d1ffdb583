import Foundation
import IMAPProtocol
import Logging
import MailModel
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import MailConnections
@testable import Transport

/// The commands that change something on the server, before servers that answer as they should and as they should not.
@Suite("Writing to a server that does as it likes")
struct WritingTests {
  /// What the client has sent, line by line.
  private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    private let lastTag = Mutex("")
    /// The tag of the command that the line belongs to.
    func tag(of line: String) -> String {
      lastTag.withLock { last in
        let word = line.commandTag
        if word.first == "M", Int(word.dropFirst()) != nil { last = word }
        return last
      }
    }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    /// Without tags, and without what the login takes.
    var all: [String] {
      lines.withLock { lines in
        lines.filter { !$0.contains("AUTHENTICATE") && !$0.contains("CAPABILITY") && !$0.contains("LOGOUT") }
          .map { $0.hasPrefix("M") ? String($0.drop { $0 != " " }.dropFirst()) : $0 }
      }
    }
  }

  /// A connection to a server with these capabilities; `answer` gets each line after the login, and its answer comes
  /// one octet at a time.
  private func connected(
    _ capabilities: String = "", _ answer: @escaping @Sendable (_ line: String, _ tag: String) -> [String]?,
    _ body: (IMAPConnection, Lines) async throws -> Void
  ) async throws {
    let lines = Lines()
    let server = try await ScriptedServer(
      greeting: "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR \(capabilities)] ready\r\n"
    ) { line in
      lines.add(line)
      let tag = line.contains("AUTHENTICATE") || line.contains("CAPABILITY") ? line.commandTag : lines.tag(of: line)
      if line.contains("CAPABILITY") { return ["* CAPABILITY IMAP4rev1 \(capabilities)\r\n\(tag) OK\r\n"] }
      if line.contains("AUTHENTICATE") { return ["\(tag) OK [CAPABILITY IMAP4rev1 \(capabilities)] in\r\n"] }
      return answer(line, tag)?.flatMap { $0.map(String.init) }
    }
    let connection = try await IMAPConnection.open(
      ServerEndpoint(
        transport: TransportSettings(
          host: "127.0.0.1", port: server.port, tls: .none, connectTimeout: .seconds(5)), user: "someone",
        credentials: Credentials { Array("secret".utf8) }, timeout: .seconds(2)),
      group: MultiThreadedEventLoopGroup.singleton, budget: InFlightBudget(), logger: Logger(label: "test"))
    do {
      try await body(connection, lines)
      connection.close()
      await server.stop()
    } catch {
      connection.close()
      await server.stop()
      throw error
    }
  }

  private func message(_ text: String, size: Int? = nil, pieces: Int = 1) -> AppendMessage {
    let rest = Mutex(Array(text.utf8)[...])
    let length = max(1, text.utf8.count / pieces)
    return AppendMessage(
      flags: FlagSet(system: .seen), internalDate: nil, size: UInt64(size ?? text.utf8.count),
      body: {
        rest.withLock { rest in
          guard !rest.isEmpty else { return nil }
          defer { rest = rest.dropFirst(length) }
          return ByteBuffer(bytes: rest.prefix(length))
        }
      })
  }

  private let uids = UIDSet(ranges: [3...5])
  private let place = MailboxName("Sent")

  // MARK: STORE

  @Test("G11 answers to a STORE are no news, with UID or without; MODIFIED comes with OK or NO")
  func store() async throws {
    for end in ["OK [MODIFIED 4] some", "NO [MODIFIED 4] some"] {
      try await connected("CONDSTORE") { _, tag in
        ["* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (9))\r\n\(tag) \(end)\r\n"]
      } _: { connection, lines in
        let outcome = try await connection.storeFlags(
          uids, adding: FlagSet(system: .seen), unchangedSince: ModSequence(7))
        #expect(outcome.modified == UIDSet(ranges: [4...4]) && outcome.refused == nil)
        #expect(lines.all == ["UID STORE 3:5 (UNCHANGEDSINCE 7) +FLAGS.SILENT (\\Seen)"])
        #expect(connection.mailboxState.flagChanges.isEmpty && !connection.mailboxState.sawOtherFlagChanges)
      }
    }
  }

  @Test("a refused STORE says so, and sends no more pieces; a wrong tag ends nothing")
  func refusedStore() async throws {
    try await connected { _, tag in
      ["M999 OK not yours\r\n\(tag) NO [NOPERM] read only\r\n"]
    } _: {
      connection, _ in
      let outcome = try await connection.storeFlags(uids, removing: FlagSet(system: .flagged), unchangedSince: nil)
      #expect(outcome.refused?.code == .noPerm && outcome.modified.isEmpty)
    }
  }

  // MARK: COPY, MOVE, EXPUNGE

  @Test("COPYUID pairs UIDs by rank; contradictory counts give none")
  func copied() async throws {
    let table: [(String, [UInt32: UInt32]?)] = [
      ("[COPYUID 9 3:5 10:12] done", [3: 10, 4: 11, 5: 12]), ("[COPYUID 9 3,5 10,20] done", [3: 10, 5: 20]),
      ("[COPYUID 9 3:5 10] done", nil), ("[COPYUID 0 3:5 10:12] done", nil), ("done", nil),
      ("[COPYUID 9 1:4294967295 1:4294967295] done", [3: 3, 5: 5]),
    ]
    for (text, expected) in table {
      try await connected("UIDPLUS") { _, tag in
        ["\(tag) OK \(text)\r\n"]
      } _: { connection, lines in
        let outcome = try await connection.copy(uids, to: place)
        #expect(lines.all == ["UID COPY 3:5 \"Sent\""])
        guard case .done(let mapping) = outcome else {
          Issue.record("\(outcome)")
          return
        }
        #expect((mapping == nil) == (expected == nil), "\(text)")
        for (source, destination) in expected ?? [:] {
          #expect(UID(source).flatMap { mapping?.destination(of: $0) } == UID(destination), "\(text)")
        }
      }
    }
  }

  @Test("MOVE tells its COPYUID in an untagged OK, and S9 only while it is under way")
  func moved() async throws {
    try await connected("UIDPLUS MOVE") { line, tag in
      if line.contains("NOOP") { return ["* OK [COPYUID 9 3:5 70:72] late\r\n\(tag) OK\r\n"] }
      return ["* OK [COPYUID 9 3:5 10:12] moved\r\n* 3 EXPUNGE\r\n* VANISHED 3:5\r\n\(tag) OK done\r\n"]
    } _: { connection, lines in
      try await connection.noop()
      let outcome = try await connection.move(uids, to: place)
      guard case .done(let mapping?) = outcome else {
        Issue.record("\(outcome)")
        return
      }
      #expect(mapping.destination(of: UID(4)!) == UID(11) && mapping.destination(of: UID(6)!) == nil)
      #expect(lines.all == ["NOOP", "UID MOVE 3:5 \"Sent\""])
    }
  }

  @Test("a refused COPY gives the server's words; a cut connection throws")
  func refusedCopy() async throws {
    try await connected { _, tag in
      ["\(tag) NO [TRYCREATE] no such mailbox\r\n"]
    } _: { connection, _ in
      let outcome = try await connection.copy(uids, to: place)
      #expect(
        outcome
          == .refused(ResponseText(code: .tryCreate, text: "no such mailbox")))
    }
    try await connected { _, _ in
      nil
    } _: { connection, _ in
      await #expect(throws: ConnectionError.self) { try await connection.copy(uids, to: place) }
    }
  }

  @Test("Q8 only UID EXPUNGE is sent, with the UIDs, in pieces that fit")
  func expunge() async throws {
    let many = UIDSet(ranges: (1...3_000).map { UInt32($0 * 2)...UInt32($0 * 2) })
    try await connected("UIDPLUS") { _, tag in
      ["\(tag) OK done\r\n"]
    } _: { connection, lines in
      let refusals = [try await connection.expunge(many), try await connection.expunge(UIDSet())]
      #expect(refusals == [nil, nil])
      #expect(lines.all.count > 1 && lines.all.allSatisfy { $0.hasPrefix("UID EXPUNGE ") && $0.count < 8_200 })
    }
  }

  @Test("mailboxes are made, renamed, deleted and subscribed to; a refusal is told")
  func mailboxes() async throws {
    try await connected { line, tag in
      line.contains("DELETE") ? ["\(tag) NO [CANNOT] no\r\n"] : ["\(tag) OK\r\n"]
    } _: { connection, lines in
      let refusals = [
        try await connection.create(place), try await connection.rename(place, to: MailboxName("A \"b\"")),
        try await connection.subscribe(place), try await connection.unsubscribe(place),
        try await connection.delete(place),
      ]
      #expect(refusals.map { $0?.code } == [nil, nil, nil, nil, .cannot])
      #expect(
        lines.all == [
          "CREATE \"Sent\"", "RENAME \"Sent\" \"A \\\"b\\\"\"", "SUBSCRIBE \"Sent\"", "UNSUBSCRIBE \"Sent\"",
          "DELETE \"Sent\"",
        ])
    }
  }

  // MARK: APPEND

  @Test("APPEND waits for `+`, streams in pieces, and gives the UID; a `+` too many means nothing")
  func append() async throws {
    try await connected { line, tag in
      if line.contains("APPEND") { return ["+ go\r\n+ go\r\n"] }
      return line.isEmpty ? ["\(tag) OK [APPENDUID 9 77] done\r\n"] : []
    } _: { connection, lines in
      let results = try await connection.append([message("Subject: x\r\nbody\r\n", pieces: 7)], to: place)
      #expect(results == [.done(AppendedUID(uidValidity: UIDValidity(9)!, uid: UID(77)!))])
      #expect(lines.all.prefix(2) == ["APPEND \"Sent\" (\\Seen) {18}", "Subject: x"])
    }
  }

  @Test("literals that need not wait: LITERAL+ for all sizes, LITERAL- up to 4,096 octets")
  func literals() {
    let small = AppendPart(flags: FlagSet(), internalDate: nil, size: 4_096)
    let large = AppendPart(flags: FlagSet(), internalDate: nil, size: 4_097)
    #expect(small.encoded(CapabilitySet(["LITERAL-"])) == " {4096+}\r\n")
    #expect(large.encoded(CapabilitySet(["LITERAL-"])) == " {4097}\r\n")
    #expect(large.encoded(CapabilitySet(["LITERAL+"])) == " {4097+}\r\n")
    #expect(small.encoded(CapabilitySet()) == " {4096}\r\n")
  }

  @Test("a NO instead of `+` is a refusal, and no octet of the message is sent")
  func refusedBeforeBody() async throws {
    try await connected { line, tag in
      line.contains("APPEND") ? ["\(tag) NO [OVERQUOTA] full\r\n"] : ["\(tag) OK\r\n"]
    } _: { connection, lines in
      let results = try await connection.append([message("Subject: x\r\n\r\n")], to: place)
      #expect(results == [.refused(ResponseText(code: .overQuota, text: "full"))])
      try await connection.noop()
      #expect(lines.all == ["APPEND \"Sent\" (\\Seen) {14}", "NOOP"])
    }
  }

  @Test("Q7 a connection cut after the literal throws: nobody knows what became of the message")
  func cutAfterBody() async throws {
    try await connected("LITERAL+") { line, _ in
      line.isEmpty ? nil : []
    } _: { connection, _ in
      await #expect(throws: ConnectionError.self) {
        try await connection.append([message("Subject: x\r\nb\r\n")], to: place)
      }
    }
  }

  @Test("a source that gives too little, too much or fails closes the connection before the message is whole")
  func wrongSize() async throws {
    for size in [20, 10] {
      try await connected("LITERAL+") { _, _ in
        []
      } _: { connection, lines in
        await #expect(throws: AppendSizeMismatch.self) {
          try await connection.append([message("Subject: x\r\n\r\n", size: size)], to: place)
        }
        #expect(!connection.isOpen)
        // Neither the rest of the octets nor the line end that would complete the command.
        try await Task.sleep(for: .milliseconds(50))
        #expect(lines.all.joined(separator: "\n").utf8.count <= 28 + 14, "\(lines.all)")
      }
    }
    struct Broken: Error {}
    try await connected("LITERAL+") { _, _ in
      []
    } _: { connection, _ in
      let broken = AppendMessage(flags: FlagSet(), internalDate: nil, size: 5) { throw Broken() }
      await #expect(throws: (any Error).self) { try await connection.append([broken], to: place) }
      #expect(!connection.isOpen)
    }
  }

  @Test("a cancelled task neither sends nor waits for ever")
  func cancelled() async throws {
    try await connected("LITERAL+") { _, tag in
      ["\(tag) OK\r\n"]
    } _: { connection, lines in
      let (messages, place) = ([message("Subject: x\r\n\r\n")], place)
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await connection.append(messages, to: place)
      }
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(lines.all.isEmpty)
    }
  }

  @Test("MULTIAPPEND takes all in one command, and their UIDs in order")
  func multiAppend() async throws {
    try await connected("LITERAL+ MULTIAPPEND UIDPLUS") { line, tag in
      line.hasPrefix("b: 2") ? ["\(tag) OK [APPENDUID 9 5:6] done\r\n"] : []
    } _: { connection, lines in
      let results = try await connection.append([message("a: 1"), message("b: 2")], to: place)
      #expect(results == [5, 6].map { .done(AppendedUID(uidValidity: UIDValidity(9)!, uid: UID($0)!)) })
      #expect(lines.all == ["APPEND \"Sent\" (\\Seen) {4+}", "a: 1 (\\Seen) {4+}", "b: 2"])
    }
  }

  @Test("a server that refuses in the middle of a MULTIAPPEND gets no further message")
  func multiAppendRefusedEarly() async throws {
    let isFirst = Mutex(true)
    try await connected("LITERAL+ MULTIAPPEND") { line, tag in
      isFirst.withLock { first in
        defer { first = false }
        return first || line.contains("NOOP") ? ["\(tag) NO [OVERQUOTA] full\r\n"] : []
      }
    } _: { connection, lines in
      var slow = message("a: 1")
      let body = slow.body
      // The refusal is there before the first message is out.
      slow.body = {
        try await Task.sleep(for: .seconds(1))
        return try await body()
      }
      let results = try await connection.append([slow, message("b: 2")], to: place)
      #expect(results == Array(repeating: .refused(ResponseText(code: .overQuota, text: "full")), count: 2))
      _ = try? await connection.noop()
      #expect(lines.all == ["APPEND \"Sent\" (\\Seen) {4+}", "a: 1", "NOOP"])
    }
  }

  @Test("S10 what APPENDUID says is passed on only when it names as many UIDs as messages were sent")
  func strangeAppendUID() async throws {
    for code in ["[APPENDUID 9 0]", "[APPENDUID 9 5:6]", "[APPENDUID 0 5]", "[APPENDUID 9 1:4294967295]"] {
      try await connected("LITERAL+") { line, tag in
        line.hasPrefix("x") ? ["\(tag) OK \(code) done\r\n"] : []
      } _: { connection, _ in
        let results = try await connection.append([message("a: 1\r\nx")], to: place)
        #expect(results == [.done(nil)], "\(code)")
      }
    }
  }

  @Test("what a server will never take is told from what it may take later")
  func permanentRefusals() {
    let table: [(ResponseText, Bool)] = [
      (ResponseText(code: .other(name: "TOOBIG", argument: nil), text: "x"), true),
      (ResponseText(text: "Message too large"), true), (ResponseText(code: .noPerm, text: "x"), true),
      (ResponseText(code: .cannot, text: "x"), true), (ResponseText(code: .overQuota, text: "Quota exceeded"), false),
      (ResponseText(code: .unavailable, text: "x"), false), (ResponseText(code: .inUse, text: "x"), false),
      (ResponseText(code: .serverBug, text: "x"), false), (ResponseText(text: "no"), false),
    ]
    for (text, isPermanent) in table { #expect(text.isPermanentRefusal == isPermanent, "\(text)") }
  }
}
