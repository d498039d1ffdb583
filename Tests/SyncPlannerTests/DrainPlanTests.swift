import MailModel
import Testing

@testable import SyncPlanner

/// What a drain does with a maildrop (DESIGN.md section 7).
@Suite struct DrainPlanTests {
  private static func name(_ text: String?) -> UniqueID? { text.flatMap { UniqueID(Array($0.utf8)) } }

  private static func entry(_ number: Int, _ name: String?, _ size: Int64? = 100) -> MaildropEntry {
    MaildropEntry(number: number, uniqueID: Self.name(name), size: size)
  }

  private static func row(
    _ id: Int64, _ name: String?, _ stage: KnownMessage.Stage, size: Int64? = 100, seen: Int64 = 0,
    listing: Int64 = 1, absent: Int64? = nil, attempts: Int = 0, deletions: Int = 0, removed: Bool = false
  ) -> KnownMessage {
    KnownMessage(
      id: id, uniqueID: Self.name(name), size: size, firstSeen: seen, firstListing: listing, absentSince: absent,
      stage: stage, attempts: attempts, deletions: deletions, isRemovedHere: removed)
  }

  private func plan(
    _ listed: [MaildropEntry], _ known: [KnownMessage] = [], now: Int64 = 1_000, _ policy: DrainPolicy = .init()
  ) -> WholeDrainPlan {
    WholeDrainPlan(listed: listed, known: known, listing: 9, now: now, policy: policy)
  }

  private func fetched(_ plan: WholeDrainPlan) -> [Int] { plan.fetches.map(\.entry.number) }
  private func deleted(_ plan: WholeDrainPlan) -> [Int] { plan.deletions.map(\.number) }

  // MARK: One message, one name

  struct Case: Sendable, CustomStringConvertible {
    let stage: KnownMessage.Stage?
    let retention: DrainPolicy.Retention
    /// Whether LIST says what it said before.
    var sameSize = true
    var age: Int64 = 0
    var deletions = 0
    var absent: Int64?
    var removed = false
    let fetches: Bool
    let deletes: Bool
    var contests = false

    var description: String {
      "\(stage.map { "\($0)" } ?? "new"), \(retention), same size \(sameSize), absent \(absent ?? 0)"
    }
  }

  static let cases: [Case] = [
    Case(stage: nil, retention: .delete, fetches: true, deletes: false),
    Case(stage: nil, retention: .keep, fetches: true, deletes: false),
    Case(stage: .waiting, retention: .delete, fetches: true, deletes: false),
    Case(stage: .delivered, retention: .keep, fetches: false, deletes: false),
    Case(stage: .delivered, retention: .keep, removed: true, fetches: false, deletes: true),
    Case(stage: .delivered, retention: .delete, fetches: false, deletes: true),
    Case(stage: .delivered, retention: .age(500), age: 499, fetches: false, deletes: false),
    Case(stage: .delivered, retention: .age(500), age: 500, fetches: false, deletes: true),
    Case(
      stage: .delivered, retention: .age(500), sameSize: false, age: 500, fetches: true, deletes: false, contests: true),
    Case(stage: .delivered, retention: .keep, sameSize: false, fetches: true, deletes: false, contests: true),
    Case(stage: .leaving, retention: .delete, fetches: false, deletes: true),
    Case(stage: .leaving, retention: .keep, fetches: false, deletes: false),
    Case(stage: .uncertain, retention: .delete, fetches: true, deletes: false, contests: true),
    Case(stage: .leaving, retention: .delete, sameSize: false, fetches: true, deletes: false, contests: true),
    // It was not listed in between: whether this is the same one its content tells.
    Case(stage: .leaving, retention: .delete, absent: 5, fetches: true, deletes: false, contests: true),
    Case(stage: .deleted, retention: .delete, deletions: 1, fetches: true, deletes: false, contests: true),
    Case(stage: .deleted, retention: .delete, deletions: 2, fetches: false, deletes: true),
    Case(
      stage: .deleted, retention: .delete, sameSize: false, deletions: 2, fetches: true, deletes: false, contests: true),
    Case(stage: .delivered, retention: .keep, absent: 5, fetches: false, deletes: false),
  ]

  @Test("A message under its own name", arguments: cases)
  func one(_ item: Case) {
    let known = item.stage.map {
      [
        Self.row(
          7, "a", $0, size: item.sameSize ? 100 : 99, seen: 1_000 - item.age, absent: item.absent,
          deletions: item.deletions, removed: item.removed)
      ]
    }
    let plan = plan([Self.entry(1, "a")], known ?? [], DrainPolicy(retention: item.retention))
    #expect(fetched(plan) == (item.fetches ? [1] : []))
    #expect(deleted(plan) == (item.deletes ? [1] : []))
    #expect(plan.plan.contests == (item.contests ? [.init(numbers: [1], rows: [7])] : []))
    #expect(plan.candidates.map(\.row) == (item.contests ? [7] : []))
    #expect(plan.plan.returned == (item.absent == nil ? [] : [7]))
    #expect(plan.fetches.first?.row == (item.stage == .waiting ? 7 : nil))
    #expect(plan.plan.absent.isEmpty && plan.plan.gone.isEmpty && plan.plan.forgotten.isEmpty)
  }

  @Test("New messages that are told of by their number come to the same as one by one")
  func newByNumber() {
    var each = DrainPlanner(listing: 9, now: 1_000, policy: DrainPolicy())
    var together = each
    for number in 1...20 { each.compare([Self.entry(number, "n\(number)")], [], named: Self.name("n\(number)")) }
    together.fetch(new: 20)
    #expect(each.takePart().fetches.count == 20 && together.takePart() == DrainPlan())
    #expect(each.totals == together.totals)
    // As many names are lost: whether new messages may be the old ones depends on how many new ones there are.
    let (row, survey) = (Self.row(1, "a", .delivered), UnlistedSurvey(lost: 20, firstListingOfWaiting: nil))
    each.resolve(row, survey, isEmpty: false)
    together.resolve(row, survey, isEmpty: false)
    let part = together.takePart()
    #expect(part.candidates.map(\.row) == [1] && each.takePart() == part)
  }

  @Test("What is not listed any more")
  func absent() {
    let known = [
      Self.row(1, "w", .waiting), Self.row(2, "d", .delivered), Self.row(3, "l", .uncertain),
      Self.row(4, "x", .deleted),
      Self.row(5, "o", .delivered, absent: 3),
    ]
    let plan = plan([Self.entry(1, "a"), Self.entry(2, "b")], known, DrainPolicy(retention: .keep))
    #expect(plan.plan.forgotten == [1])
    #expect(plan.plan.absent == [2, 3])
    #expect(plan.plan.gone == [4])
    // Only a DELE left unconfirmed may be told by content, and the row whose listing may have had one of these.
    #expect(plan.candidates.map(\.row) == [3])
    let named = self.plan([Self.entry(1, "a"), Self.entry(2, "d")], known, DrainPolicy(retention: .keep))
    #expect(named.candidates.isEmpty, "the server calls things what it called them before")
    let cut = WholeDrainPlan(
      listed: [Self.entry(1, "a")], isComplete: false, known: known, listing: 9, now: 1_000, policy: DrainPolicy())
    #expect(
      cut.plan.forgotten.isEmpty && cut.plan.absent.isEmpty && cut.plan.gone.isEmpty, "what is missing may be there")
  }

  @Test("P15 an empty maildrop after thousands: nothing is forgotten")
  func suddenlyEmpty() {
    let known = (1...3_000).map { Self.row(Int64($0), "u\($0)", $0 % 3 == 0 ? .waiting : .delivered) }
    let empty = plan([], known, DrainPolicy(retention: .keep))
    #expect(empty.plan.absent == known.map(\.id))
    #expect(empty.plan.gone.isEmpty && empty.plan.forgotten.isEmpty && empty.deletions.isEmpty)
    let after = known.map { row in
      var row = row
      row.absentSince = 9
      return row
    }
    let back = plan(
      (1...3_000).map { Self.entry($0, "u\($0)") }, after, DrainPolicy(retention: .keep))
    #expect(back.fetches.count == 1_000, "those that were never delivered")
    #expect(back.plan.returned == known.map(\.id))
    #expect(back.totals.kept == 2_000)
  }

  // MARK: Order, limits

  @Test("Newest or oldest first, what made trouble last, the large ones not at all")
  func order() {
    let listed = (1...5).map { Self.entry($0, "u\($0)", $0 == 2 ? 501 : 100) }
    let known = [Self.row(1, "u4", .waiting, attempts: 2), Self.row(2, "u1", .waiting, attempts: 1)]
    let policy = DrainPolicy(sizeLimit: 500)
    #expect(fetched(plan(listed, known, policy)) == [5, 3, 1, 4])
    #expect(plan(listed, known, policy).totals.tooLarge == 1)
    #expect(fetched(plan(listed, known, DrainPolicy(sizeLimit: 500, order: .oldest))) == [3, 5, 1, 4])
    #expect(fetched(plan([Self.entry(1, "u", nil)], [], policy)) == [1], "no size is not too large")
    let session = plan(listed, known, policy).fetches(policy).map(\.entry.number)
    #expect(session == [5, 3], "a connection that ends with a message takes nothing along")
    #expect(plan([Self.entry(4, "u4")], known, policy).fetches(policy).count == 1)
  }

  // MARK: Names that say nothing

  @Test("P5 messages that share a name, or have none, are all fetched")
  func shared() {
    let listed = [Self.entry(1, "a"), Self.entry(2, "a"), Self.entry(3, nil), Self.entry(4, nil), Self.entry(5, "b")]
    for retention in [DrainPolicy.Retention.delete, .keep] {
      let plan = plan(listed, [], DrainPolicy(retention: retention))
      #expect(fetched(plan) == [5, 4, 3, 2, 1])
      #expect(plan.candidates.isEmpty && plan.deletions.isEmpty)
    }
  }

  @Test("P11 without names content decides about unconfirmed deletions alone")
  func nameless() {
    let known = [Self.row(1, nil, .leaving), Self.row(2, nil, .leaving), Self.row(3, nil, .deleted)]
    let plan = plan([Self.entry(1, nil), Self.entry(2, nil), Self.entry(3, nil)], known)
    #expect(fetched(plan) == [3, 2, 1])
    #expect(plan.candidates.map(\.row) == [1, 2])
    #expect(plan.plan.gone == [3])
    #expect(plan.plan.contests == [.init(numbers: [1, 2, 3], rows: [1, 2])])
  }

  @Test("Kept messages that share a name are left alone while they are as many and as large")
  func sharedKept() {
    let known = [Self.row(1, "a", .delivered, size: 10), Self.row(2, "a", .delivered, size: 20)]
    let keep = DrainPolicy(retention: .keep)
    #expect(fetched(plan([Self.entry(1, "a", 20), Self.entry(2, "a", 10)], known, keep)).isEmpty)
    #expect(fetched(plan([Self.entry(1, "a", 20), Self.entry(2, "a", 11)], known, keep)) == [2, 1])
    #expect(fetched(plan([Self.entry(1, "a", 20)], known, keep)) == [1])
    let more = plan((1...3).map { Self.entry($0, "a", 10) }, known, keep)
    #expect(fetched(more) == [3, 2, 1])
    #expect(more.candidates.map(\.row) == [1, 2])
  }

  @Test("A server that gives all messages new names: what it had may be what it has")
  func wholesale() {
    let keep = DrainPolicy(retention: .keep)
    let known = (1...20).map { Self.row(Int64($0), "old\($0)", .delivered) }
    let all = plan((1...20).map { Self.entry($0, "new\($0)") }, known, keep)
    #expect(all.fetches.count == 20)
    #expect(all.candidates.map(\.row) == known.map(\.id))
    // A few that went, and a few that came, are what they seem to be.
    let few = plan((5...24).map { Self.entry($0, "old\($0)") }, known, keep)
    #expect(few.fetches.count == 4)
    #expect(few.candidates.isEmpty)
    #expect(few.plan.absent == [1, 2, 3, 4])
  }

  @Test("A message that came after the listing that lacked a row is not that row's")
  func later() {
    let known = [Self.row(1, "l", .leaving, absent: 8), Self.row(2, "w", .waiting, listing: 8)]
    let waiting = plan([Self.entry(1, "w"), Self.entry(2, "new")], known)
    #expect(waiting.candidates == [.init(row: 1, since: 8, isDue: true)])
    let fits = waiting.fetches.filter { $0.firstListing <= 8 }
    #expect(fits.map(\.entry.number) == [1])
    #expect(plan([Self.entry(2, "new")], [known[0]]).candidates.isEmpty)
  }

  // MARK: Histories

  /// Random maildrops, sessions that end anywhere, servers that rename, repeat or drop names: nothing is deleted that
  /// is not here, nothing comes twice.
  @Test("Random histories", arguments: 0..<8)
  func histories(_ part: Int) {
    for seed in 0..<60 {
      var model = DrainModel(seed: UInt64(part * 60 + seed))
      model.run()
    }
  }

  @Test("Names that are lost again before the message was fetched: its content still tells it from a new one")
  func namesLostTwice() throws {
    let plan = plan(
      [Self.entry(1, "c")],
      [Self.row(1, "a", .uncertain, absent: 5), Self.row(2, "b", .waiting, listing: 5)])
    #expect(plan.plan.forgotten == [2])
    let (candidate, fetch) = (try #require(plan.candidates.first), try #require(plan.fetches.first))
    #expect(candidate.row == 1 && fetch.firstListing <= candidate.since)
    // Without a sign that names were lost again, what is listed for the first time is new.
    let other = self.plan([Self.entry(1, "c")], [Self.row(1, "a", .uncertain, absent: 5)])
    #expect(other.candidates.isEmpty && other.fetches.count == 1)
  }

  @Test("With keep, messages without names may be those whose names are missing")
  func namesLeftOut() {
    let known = [Self.row(1, "a", .delivered), Self.row(2, "b", .delivered)]
    let listed = [Self.entry(1, "a"), Self.entry(2, nil)]
    #expect(plan(listed, known, DrainPolicy(retention: .keep)).candidates.map(\.row) == [2])
    #expect(plan(listed, known, DrainPolicy(retention: .delete)).candidates.isEmpty)
  }
}
