import Foundation
import Logging
import MailModel
import NIOCore
import NIOPosix
import POP3Protocol
import SASL
import Testing

@testable import MailConnections
@testable import Transport

@Suite("A real Dovecot's POP3", .serialized)
struct POP3DovecotTests {
  private let dovecot: PrivateDovecot
  private let budget = InFlightBudget()

  init() throws { dovecot = try PrivateDovecot.shared.get() }

  private func open(_ endpoint: ServerEndpoint) async throws -> POP3Connection {
    try await POP3Connection.open(
      endpoint, group: MultiThreadedEventLoopGroup.singleton, budget: budget, logger: Logger(label: "test"))
  }

  private func failure(_ endpoint: ServerEndpoint) async -> POP3Failure? {
    do {
      (try await open(endpoint)).close()
      return nil
    } catch {
      return error as? POP3Failure
    }
  }

  /// Messages as POP3 must bring them: LF line ends, and one at the end.
  private static func messages(_ count: Int) -> [Data] {
    (0..<count).map { index in
      let body = String(repeating: ".\n..\nline \(index)\n.a\n\n", count: 1 + index % 40)
      return Data("From: a@example.org\nSubject: \(index)\nMessage-ID: <\(index)@x>\n\n\(body)".utf8)
    }
  }

  @Test("lists, retrieves, deletes and quits over implicit TLS and STLS", arguments: [TLSMode.implicit, .startTLS])
  func session(_ tls: TLSMode) async throws {
    let user = tls == .implicit ? "pop-implicit" : "pop-stls"
    let sent = Self.messages(300)
    try dovecot.fill(user, sent)
    let connection = try await open(dovecot.popEndpoint(user, tls: tls))
    #expect(connection.capabilities.hasPipelining && connection.capabilities.hasUniqueIDs)
    #expect(connection.facts.mechanism == "SCRAM-SHA-256")

    var listing: [UniqueIDListing.Entry] = []
    let answers = try await connection.list { page, _ in listing += page }
    #expect(answers.status.count == 300)
    #expect(listing.map(\.number) == Array(1...300))
    #expect(Set(listing.map(\.id)).count == 300)
    #expect(answers.names == UniqueIDSummary())
    #expect(answers.sizes.count == 300)

    let receiver = CollectingReceiver()
    let outcome = try await connection.retrieve(Array(1...300)) { _ in receiver.begin(announcedSize: 0) }
    #expect(outcome.delivered == Array(1...300))
    #expect(receiver.all.map { Data($0.bytes) } == sent)
    #expect(receiver.all.allSatisfy { $0.received?.lineEnds == nil && $0.error == nil })
    #expect(answers.sizes[7] == receiver.all[6].received?.wireOctets)
    #expect(budget.used == 0)
    #expect(
      try await connection.header(3).map { String(decoding: $0, as: UTF8.self) }?.contains("Subject: 2\n") == true)

    let strange = try await connection.retrieve([301]) { _ in receiver.begin(announcedSize: 0) }
    #expect(strange.refused.map(\.number) == [301])
    let deleted = try await connection.delete(Array(1...299) + [7])
    #expect(deleted.marked == Array(1...299))
    #expect(deleted.refused.map(\.number) == [7])
    #expect(try await connection.status().count == 1)
    try await connection.reset()
    #expect(try await connection.status().count == 300)
    _ = try await connection.delete(Array(1...299))
    try await connection.noop()
    try await connection.quit()
    #expect(!connection.isOpen)

    let later = try await open(dovecot.popEndpoint(user, tls: tls))
    var left: [UniqueID] = []
    _ = try await later.list { page, _ in left += page.map(\.id) }
    #expect(left == [listing[299].id])
    later.close()
  }

  @Test("what is marked stays when the session ends without QUIT") func withoutQuit() async throws {
    try dovecot.fill("pop-cut", Self.messages(3))
    let connection = try await open(dovecot.popEndpoint("pop-cut"))
    _ = try await connection.delete([1, 2, 3])
    connection.close()
    let later = try await open(dovecot.popEndpoint("pop-cut"))
    #expect(try await later.status().count == 3)
    try await later.quit()
  }

  @Test(
    "every mechanism of this server signs in", arguments: ["scram-sha-256", "scram-sha-1", "plain", "login", "user"])
  func mechanisms(_ mechanism: String) async throws {
    let connection = try await open(dovecot.popEndpoint("pop-mechanisms", mechanisms: [mechanism]))
    #expect(connection.facts.mechanism == mechanism.uppercased())
    try await connection.quit()
  }

  @Test("a wrong password and, S19, a certificate for another host are told apart") func failures() async throws {
    guard case .session(.authenticationRefused)? = await failure(dovecot.popEndpoint("a", password: "wrong")) else {
      Issue.record("a wrong password was not refused")
      return
    }
    for tls in [TLSMode.implicit, .startTLS] {
      let error = await failure(dovecot.popEndpoint("a", tls: tls, host: "127.0.0.1"))
      guard case .transport(.tls(.wrongHost))? = error else {
        Issue.record("S19 \(tls): \(String(describing: error))")
        continue
      }
    }
  }
}
