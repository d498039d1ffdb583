import Foundation
import MailModel
import Testing

@testable import SyncState

/// A maildrop's messages on their way off the server.
@Suite struct DrainRowsTests {
  let path = NSTemporaryDirectory() + "mailmirror-drain-\(UUID().uuidString).sqlite"

  private func opened() async throws -> (state: AccountState, mailbox: Int64) {
    let identity = AccountIdentity(account: "work", server: "me@h", marker: "m", machine: "x")
    try AccountState.create(at: path, identity: identity, now: 1)
    let state = try AccountState.open(at: path, boot: "b", now: 2)
    return (state, try await state.addMailbox(.inbox, delimiter: 47, folder: "").id)
  }

  private func name(_ text: String) -> UniqueID? { UniqueID(Array(text.utf8)) }

  /// One session's listing, all of it with rows of its own; returns these, oldest first.
  private func list(
    _ names: [String?], listing: Int64, into mailbox: Int64, leaves: Bool, now: Int64,
    plan: DrainPlan = DrainPlan(), _ state: AccountState
  ) async throws -> [Int64] {
    try await state.beginMaildrop()
    try await state.addListed(
      names.enumerated().map { MaildropEntry(number: $0 + 1, uniqueID: $1.flatMap(name), size: 10) })
    var plan = plan
    plan.fetches += names.enumerated().map { index, one in
      .init(
        entry: MaildropEntry(number: index + 1, uniqueID: one.flatMap(name), size: 10), row: nil, firstListing: listing)
    }
    try await state.add(plan)
    try await state.noteListing(listing, into: mailbox, leaves: leaves, newestFirst: false, now: now)
    return try await state.wanted(after: 0, limit: 100).map(\.row)
  }

  private func drained(_ state: AccountState) async throws -> [DrainedRecord] {
    try await state.read { db in try DrainedRecord.fetch(db, "ORDER BY drained.id") }
  }

  private func content(_ id: Int64) -> Digest { Digest([UInt8](repeating: UInt8(id), count: 32)) ?? .zero }

  private func intend(_ id: Int64, in mailbox: Int64, _ state: AccountState) async throws -> Int64 {
    let digest = content(id)
    let base = Array("base\(id)".utf8)
    let rows = try await state.intend([
      DeliveryIntent(
        mailbox: mailbox, uid: try #require(UID(UInt32(id))), baseName: base, fileName: base, isInCur: false,
        flags: FlagSet(), unlettered: [], digests: MessageDigests(content: digest, header: digest), diskSize: 3,
        wireSize: 4, rfc822Size: nil, lineEnds: nil, internalDate: 7, internalZone: 0, emailID: nil, gmailID: nil)
    ])
    return try #require(rows.first)
  }

  private func settle(_ message: Int64, _ id: Int64, _ state: AccountState) async throws {
    let base = Array("base\(id)".utf8)
    try await state.settle([
      SettledDelivery(
        message: message, baseName: base, fileName: base, isInCur: false,
        stamp: FileStamp(device: 1, inode: id, size: 3, modified: 4, changed: 5))
    ])
  }

  private func delivered(_ id: Int64, in mailbox: Int64, _ state: AccountState) async throws {
    try await settle(try await intend(id, in: mailbox, state), id, state)
  }

  @Test("The settling commit puts the intent to delete in force, QUIT's +OK ends it, and a listing bears it out")
  func wholeWay() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await list(["a", nil], listing: 1, into: mailbox, leaves: true, now: 100, state)
    let waiting = try await drained(state)
    #expect(waiting.map(\.id) == ids && waiting.map(\.isHere) == [false, false])
    #expect(waiting.map(\.uniqueID) == [name("a"), nil] && waiting.map(\.firstSeen) == [100, 100])
    let message = try await intend(ids[0], in: mailbox, state)
    #expect(try await drained(state).map(\.isHere) == [false, false], "not before it is settled")
    try await settle(message, ids[0], state)
    #expect(try await drained(state).first?.isHere == true)
    #expect(try await drained(state).first?.departure == .leaving)
    let fetched = try await state.wanted(after: 0, limit: 1)
    try await state.noteFetched(fetched, leaving: [DrainPlan.Deletion(number: 1, row: ids[0], isRemovedHere: false)])
    #expect(try await state.leaving(after: 0, limit: 9).map(\.number) == [1])
    try await state.noteQuit()
    #expect(try await drained(state).first?.departure == .uncertain)
    #expect(try await state.confirmDeletion(now: 200) == 1)
    #expect(try await drained(state).first?.departure == .deleted)
    #expect(try await state.history(limit: 10).map(\.event) == ["deleted"])
    var plan = DrainPlan()
    (plan.gone, plan.forgotten) = ([ids[0]], [ids[1]])
    #expect(try await list([], listing: 2, into: mailbox, leaves: true, now: 300, plan: plan, state).isEmpty)
    #expect(try await drained(state).isEmpty)
    #expect(try await state.history(limit: 10).map(\.event) == ["deleted", "came"], "each once")
    #expect(try await state.drainListing() == 2)
    #expect(try await state.summary().maildrop?.drained == 1)
    #expect(try await state.messages(baseNames: [Array("base\(ids[0])".utf8)]).first?.isEmpty == true)
    let later = try await list(["a"], listing: 3, into: mailbox, leaves: false, now: 400, state)
    #expect(later[0] > ids[1], "a UID is never given again")
    #expect(try await drained(state).first?.departure == DrainDeparture.none)
    try await state.close()
  }

  @Test("A statement with OR FAIL that fails midway leaves nothing: its transaction goes with it")
  func failsMidway() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await list(["a", "b", "c"], listing: 1, into: mailbox, leaves: true, now: 100, state)
    await #expect(throws: StateError.self) {
      try await state.write { db in
        try db.execute(sql: "UPDATE drained SET attempts = 5")
        try db.execute(
          sql: "UPDATE OR FAIL drained SET departure = CASE id WHEN ? THEN 9 ELSE 3 END", arguments: [ids[1]])
      }
    }
    let rows = try await drained(state)
    #expect(rows.map(\.departure) == [.leaving, .leaving, .leaving] && rows.map(\.attempts) == [0, 0, 0])
    try await state.close()
  }

  @Test("One for one: of equal messages as many may be earlier ones as there are rows, one of the same name first")
  func claims() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await list(["x", "y"], listing: 1, into: mailbox, leaves: true, now: 100, state)
    for id in ids { try await delivered(id, in: mailbox, state) }
    var plan = DrainPlan()
    plan.absent = ids
    plan.candidates = [
      .init(row: ids[0], isNamed: false, since: 2, isDue: true),
      .init(row: ids[1], isNamed: true, since: 1, isDue: false),
    ]
    plan.contests = [.init(numbers: [2], rows: [ids[1]])]
    let new = try await list(["new", "y"], listing: 2, into: mailbox, leaves: true, now: 200, plan: plan, state)
    #expect(try await drained(state).map(\.absentListing) == [2, 2, nil, nil])
    let wanted = try await state.wanted(after: 0, limit: 9)
    #expect(wanted.map(\.fetch.isContested) == [false, true])
    let (first, second) = (content(ids[0]), content(ids[1]))
    #expect(try await state.claim(wanted[0], content: second) == nil, "first listed when the row was not any more")
    #expect(try await state.claim(wanted[1], content: second)?.row == ids[1])
    #expect(try await state.claim(wanted[1], content: second) == nil, "each once")
    #expect(try await state.claim(wanted[0], content: first)?.isDue == true)
    let rows = try await drained(state)
    #expect(rows.map(\.id) == ids && rows.map(\.uniqueID) == [name("new"), name("y")])
    #expect(rows.map(\.absentListing) == [nil, nil] && new.count == 2)
    try await state.close()
  }

  @Test("What is listed as before needs no thought; what differs comes name by name, also across pages")
  func comparison() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await list(["a", "b", "c", nil], listing: 1, into: mailbox, leaves: false, now: 100, state)
    for id in ids.prefix(3) { try await delivered(id, in: mailbox, state) }
    try await state.beginMaildrop()
    let further = (1...2_500).map { MaildropEntry(number: $0 + 10, uniqueID: name("n\($0 % 2_000)"), size: 10) }
    try await state.addListed(
      [
        .init(number: 1, uniqueID: name("a"), size: 10), .init(number: 2, uniqueID: name("b"), size: 11),
        .init(number: 3, uniqueID: nil, size: 1),
      ] + further)
    let compared = try await state.compareListing(2, staysAfter: .min, sizeLimit: 9)
    #expect(compared == (1, 0), "b has another size, and what is new is too large")
    var (found, last): ([MaildropGroup], UniqueID?) = ([], nil)
    while case let page = try await state.differingGroups(after: last), !page.isEmpty {
      found += page
      last = page.last?.name
    }
    #expect(found.count == 2_001 && Set(found.map(\.name)).count == 2_001)
    #expect(found.count { $0.listed.count == 2 } == 500, "what has one name stays together")
    #expect(found.first { $0.name == name("b") }?.rows.map(\.id) == [ids[1]])
    let nameless = try await state.namelessGroup()
    #expect(nameless?.listed.map(\.number) == [3] && nameless?.rows.map(\.id) == [ids[3]])
    #expect(try await state.unlistedRows(after: 0, firstListing: 2).map(\.id) == [ids[2]])
    #expect(try await state.surveyUnlisted() == (1, nil))
    try await state.beginMaildrop()
    try await state.addListed([.init(number: 1, uniqueID: name("a"), size: 10)])
    #expect(try await state.compareListing(3, staysAfter: 100, sizeLimit: nil) == (0, 0), "its time has come")
    #expect(try await state.surveyUnlisted() == (2, 1))
    try await state.close()
  }

  @Test("What is new under a name of its own and not too large is wanted at once; UIDs follow the order to fetch in")
  func newMessages() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await list(["old", "gone"], listing: 1, into: mailbox, leaves: false, now: 100, state)
    try await state.beginMaildrop()
    try await state.addListed(
      [("old", 1), ("a", 10), ("b", 11), ("twin", 1), ("twin", 1), ("c", nil), ("d", 3)].enumerated().map {
        MaildropEntry(number: $0 + 1, uniqueID: name($1.0), size: $1.1)
      } + [.init(number: 8, uniqueID: nil, size: 1)])
    #expect(try await state.compareListing(2, staysAfter: nil, sizeLimit: 10) == (0, 3))
    #expect(try await state.differingGroups(after: nil).map(\.name) == ["b", "old", "twin"].map(name))
    var plan = DrainPlan()
    plan.forgotten = [ids[1]]
    plan.fetches = [.init(entry: .init(number: 1, uniqueID: name("old"), size: 1), row: ids[0], firstListing: 1)]
    try await state.add(plan)
    try await state.noteListing(2, into: mailbox, leaves: true, newestFirst: true, now: 200)
    let wanted = try await state.wanted(after: 0, limit: 9)
    #expect(wanted.map(\.listed.number) == [7, 6, 2, 1])
    #expect(wanted.map(\.row) == [ids[1] + 1, ids[1] + 2, ids[1] + 3, ids[0]])
    #expect(wanted.map(\.fetch.firstListing) == [2, 2, 2, 1])
    let rows = try await drained(state)
    #expect(rows.map(\.uniqueID) == ["old", "d", "c", "a"].map(name) && rows.map(\.size) == [10, 3, nil, 10])
    #expect(rows.map(\.firstSeen) == [100, 200, 200, 200] && rows.allSatisfy { $0.departure == .leaving })
    try await state.close()
  }

  @Test("What is not listed and was deleted for certain is gone; what is not certain is left to thought")
  func confirmedDeletions() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await list(["a", "b", "c", "d"], listing: 1, into: mailbox, leaves: true, now: 100, state)
    for id in ids.prefix(3) { try await delivered(id, in: mailbox, state) }
    let leaving = ids.prefix(2).enumerated().map { DrainPlan.Deletion(number: $0 + 1, row: $1) }
    try await state.noteFetched([], leaving: leaving)
    try await state.noteQuit()
    #expect(try await state.confirmDeletion(now: 200) == 2)
    try await state.beginMaildrop()
    try await state.addListed([.init(number: 1, uniqueID: name("b"), size: 10)])
    _ = try await state.compareListing(2, staysAfter: nil, sizeLimit: nil)
    try await state.noteGone()
    #expect(try await state.surveyUnlisted() == (1, 1))
    #expect(try await state.unlistedRows(after: 0, firstListing: nil).map(\.id) == [ids[2], ids[3]])
    try await state.noteListing(2, into: mailbox, leaves: true, newestFirst: true, now: 300)
    #expect(try await drained(state).map(\.id) == [ids[1], ids[2], ids[3]])
    #expect(try await state.summary().maildrop?.drained == 3)
    try await state.close()
  }

  @Test("What is not here yet goes where mail is delivered now, and stays or leaves as the person wants now")
  func changedMind() async throws {
    let (state, inbox) = try await opened()
    let other = try await state.addMailbox(MailboxName("Other"), delimiter: 47, folder: ".Other").id
    let ids = try await list(["a", "b"], listing: 1, into: inbox, leaves: true, now: 100, state)
    try await delivered(ids[0], in: inbox, state)
    _ = try await list([], listing: 2, into: other, leaves: false, now: 200, state)
    #expect(try await drained(state).map(\.departure) == [.leaving, .none])
    try await delivered(ids[1], in: other, state)
    #expect(try await drained(state).map(\.isHere) == [true, true])
    try await state.close()
  }

  @Test("P15 rows that are not listed any more are kept for a year")
  func absent() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await list(["a", "b"], listing: 1, into: mailbox, leaves: false, now: 100, state)
    var plan = DrainPlan()
    plan.absent = ids
    _ = try await list([], listing: 2, into: mailbox, leaves: false, now: 200, plan: plan, state)
    try await state.purgeAbsent(now: 200 + 365 * 86_400)
    #expect(try await drained(state).count == 2)
    plan = DrainPlan()
    plan.returned = [ids[0]]
    _ = try await list([], listing: 3, into: mailbox, leaves: false, now: 300, plan: plan, state)
    try await state.purgeAbsent(now: 300 + 367 * 86_400)
    #expect(try await drained(state).map(\.id) == [ids[0]])
    try await state.close()
  }
}
