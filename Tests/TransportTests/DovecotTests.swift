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

@Suite("A real Dovecot", .serialized)
struct DovecotTests {
  private let dovecot: PrivateDovecot
  private let budget = InFlightBudget()

  init() throws { dovecot = try PrivateDovecot.shared.get() }

  private func open(_ endpoint: ServerEndpoint) async throws -> IMAPConnection {
    try await IMAPConnection.open(
      endpoint, group: MultiThreadedEventLoopGroup.singleton, budget: budget, logger: Logger(label: "test"))
  }

  private func failure(_ endpoint: ServerEndpoint) async -> ConnectionError? {
    do {
      await (try open(endpoint)).logout()
      return nil
    } catch {
      return error as? ConnectionError
    }
  }

  private static func messages(_ count: Int) -> [Data] {
    (0..<count).map { index in
      let body = String(repeating: "line \(index) of a message that is like others\n", count: 1 + index % 40)
      return Data("From: a@example.org\nSubject: \(index)\nMessage-ID: <\(index)@x>\n\n\(body)".utf8)
    }
  }

  @Test(
    "lists, selects, searches and fetches over implicit TLS and STARTTLS", arguments: [TLSMode.implicit, .startTLS])
  func session(_ tls: TLSMode) async throws {
    let user = tls == .implicit ? "implicit" : "starttls"
    let sent = Self.messages(250)
    try dovecot.fill(user, sent)
    let connection = try await open(dovecot.endpoint(user, tls: tls))
    let mailboxes = try await connection.listMailboxes { _ in true }
    #expect(mailboxes.contains { $0.entry.name.isInbox && $0.status?.messages == 250 })
    #expect(mailboxes.contains { $0.entry.specialUse == .sent && $0.isSubscribed })

    let selection = try await connection.select(.inbox, readOnly: true, resync: nil) { _ in }
    #expect(selection.exists == 250)
    #expect(selection.isReadOnly)
    #expect(selection.highestModSequence != nil)
    let listing = try await connection.existingUIDs()
    #expect(listing.uids.count == 250)
    #expect(listing.exists == 250)

    let seen = Mutex<[MessageAttributes]>([])
    _ = try await connection.fetchAttributes(listing.uids, [.flags, .size, .internalDate, .header]) { batch in
      seen.withLock { $0 += batch }
    }
    let attributes = seen.withLock { $0 }
    #expect(attributes.count == 250)
    #expect(attributes.allSatisfy { $0.internalDate != nil && $0.rfc822Size != nil && $0.flags != nil })
    #expect(attributes.allSatisfy { $0.headerBytes?.starts(with: Array("From: a@example.org\nSubject".utf8)) == true })

    let receiver = CollectingReceiver()
    let outcome = try await connection.fetchMessages(listing.uids.batches(of: 40), into: receiver)
    #expect(outcome.delivered == listing.uids)
    #expect(outcome.refused.isEmpty)
    let came = receiver.all
    let areSame = Set(came.map { Data($0.bytes) }) == Set(sent)
    #expect(areSame)
    #expect(came.allSatisfy { $0.received?.lineEnds == nil && $0.error == nil })
    #expect(came.allSatisfy { $0.received.map { Int($0.storedOctets) } == $0.bytes.count })
    #expect(budget.used == 0)
    await connection.logout()
    #expect(!connection.isOpen)
  }

  @Test("QRESYNC brings what changed and what vanished since a known state")
  func resync() async throws {
    try dovecot.fill("resync", Self.messages(30))
    let first = try await open(dovecot.endpoint("resync"))
    let selection = try await first.select(.inbox, readOnly: false, resync: nil) { _ in }
    let validity = try #require(selection.uidValidity)
    let sequence = try #require(selection.highestModSequence)
    await first.logout()

    let second = try await open(dovecot.endpoint("resync"))
    #expect(second.facts.hasEnabledQResync)
    let parameters = QResyncParameters(uidValidity: validity, modSequence: sequence, knownUIDs: nil)
    let changes = Mutex<Int>(0)
    let before = second.octets.received
    let again = try await second.select(.inbox, readOnly: true, resync: parameters) { batch in
      changes.withLock { $0 += batch.count }
    }
    #expect(again.exists == 30)
    #expect(changes.withLock { $0 } == 0)
    #expect(again.vanished.isEmpty)
    #expect(second.octets.received - before < 1_000)
    await second.logout()
  }

  @Test("appends, stores, copies, moves and expunges, and is told the UIDs")
  func writing() async throws {
    let connection = try await open(dovecot.endpoint("writing"))
    let place = MailboxName("Work/ä")
    #expect(try await connection.create(place) == nil)
    #expect(try await connection.create(place)?.code == .alreadyExists)
    let messages = Self.messages(3).map { data in
      let wire = String(decoding: data, as: UTF8.self).replacing("\n", with: "\r\n")
      let rest = Mutex<ByteBuffer?>(ByteBuffer(string: wire))
      return AppendMessage(
        flags: FlagSet(system: .seen, keywords: ["$Work"]), internalDate: InternalDate(seconds: 1_000_000_000),
        size: UInt64(wire.utf8.count), body: { rest.withLock { $0.take() } })
    }
    let appended = try await connection.append(messages, to: .inbox)
    let selection = try await connection.select(.inbox, readOnly: false, resync: nil) { _ in }
    let validity = try #require(selection.uidValidity)
    #expect(appended == (1...3).map { .done(AppendedUID(uidValidity: validity, uid: UID($0)!)) })
    #expect(!selection.isReadOnly && selection.allowsNewKeywords && selection.exists == 3)

    let stored = try await connection.storeFlags(
      UIDSet(ranges: [1...2]), adding: FlagSet(system: .flagged, keywords: ["$New"]),
      unchangedSince: selection.highestModSequence)
    #expect(stored == StoreOutcome())
    let again = try await connection.storeFlags(
      UIDSet(ranges: [1...3]), removing: FlagSet(system: .seen), unchangedSince: selection.highestModSequence)
    #expect(again.modified == UIDSet(ranges: [1...2]))

    guard case .done(let copies?) = try await connection.copy(UIDSet(ranges: [1...1, 3...3]), to: place),
      case .done(let moved?) = try await connection.move(UIDSet(ranges: [2...2]), to: place)
    else {
      Issue.record("no UIDs")
      return
    }
    #expect([1, 3].map { copies.destination(of: UID($0)!) } == [UID(1), UID(2)])
    #expect(moved.destination(of: UID(2)!) == UID(3) && moved.destination(of: UID(1)!) == nil)
    #expect(try await connection.expunge(UIDSet(ranges: [1...3])) == nil)
    #expect(try await connection.existingUIDs().exists == 2)
    _ = try await connection.storeFlags(
      UIDSet(ranges: [1...1]), adding: FlagSet(system: .deleted), unchangedSince: nil)
    #expect(try await connection.expunge(UIDSet(ranges: [1...1])) == nil)
    #expect(try await connection.existingUIDs().uids == UIDSet(ranges: [3...3]))
    #expect(try await connection.copy(UIDSet(ranges: [3...3]), to: MailboxName("none")).isRefused)
    await connection.logout()
  }

  @Test("every mechanism logs in", arguments: ["plain", "login", "scram-sha-1", "scram-sha-256"])
  func mechanisms(_ mechanism: String) async throws {
    let connection = try await open(dovecot.endpoint("mechanisms", mechanisms: [mechanism]))
    #expect(connection.facts.mechanism == mechanism.uppercased())
    try await connection.noop()
    #expect(try await connection.status(.inbox).messages == 0)
    await connection.logout()
  }

  @Test("a wrong password is refused, and said so")
  func wrongPassword() async throws {
    guard case .session(.authenticationRefused)? = await failure(dovecot.endpoint("anyone", password: "wrong")) else {
      Issue.record("not refused")
      return
    }
  }

  @Test("S19 a valid certificate for another host is refused on implicit TLS and STARTTLS, before any credentials")
  func wrongHost() async throws {
    for tls in [TLSMode.implicit, .startTLS] {
      var endpoint = dovecot.endpoint("anyone", tls: tls, host: "127.0.0.1")
      endpoint.credentials.get = {
        Issue.record("the password was asked for")
        return []
      }
      #expect(
        await failure(endpoint) == .transport(.tls(.wrongHost(host: "127.0.0.1", names: ["localhost"]))), "\(tls)")
    }
  }

  @Test("a mailbox that doesn't exist is refused, and the connection goes on")
  func refusedSelect() async throws {
    let connection = try await open(dovecot.endpoint("refused"))
    await #expect(throws: ConnectionError.self) {
      try await connection.select(MailboxName("nowhere"), readOnly: true, resync: nil) { _ in }
    }
    #expect(try await connection.select(.inbox, readOnly: true, resync: nil) { _ in }.exists == 0)
    await connection.logout()
  }

  @Test("64 MB in one message pass within the budget while the disk is slow")
  func largeMessage() async throws {
    let line = Data((String(repeating: "x", count: 75) + "\n").utf8)
    var message = Data("Subject: large\n\n".utf8)
    message.reserveCapacity(65 << 20)
    while message.count < 64 << 20 { message.append(line) }
    try dovecot.fill("large", [message])
    let connection = try await open(dovecot.endpoint("large"))
    _ = try await connection.select(.inbox, readOnly: true, resync: nil) { _ in }
    let most = Mutex(0)
    let slowDisk = DispatchQueue(label: "slow disk")
    let budget = budget
    let receiver = CollectingReceiver(keepsBytes: false) { _, release in
      most.withLock { $0 = max($0, budget.used) }
      slowDisk.async {
        usleep(200)
        release()
      }
    }
    let outcome = try await connection.fetchMessages([UIDSet(ranges: [1...1])], into: receiver)
    #expect(outcome.delivered.count == 1)
    #expect(receiver.all.first?.octets == message.count)
    #expect(receiver.all.first?.received?.storedOctets == UInt64(message.count))
    #expect(most.withLock { $0 } <= (1 << 20) + (512 << 10), "\(most.withLock { $0 }) octets in flight")
    await connection.logout()
  }
}

extension CopyOutcome {
  fileprivate var isRefused: Bool { if case .refused = self { true } else { false } }
}
