import MailModel
import SyncPlanner
import Testing

@Suite struct MessageTableTests {
  static let flagSets: [FlagSet] = [
    FlagSet(), FlagSet(system: .seen), FlagSet(system: [.seen, .flagged]), FlagSet(keywords: ["todo"]),
    FlagSet(system: .deleted, keywords: ["todo", "x"]),
  ]

  /// Every state of server, folder and base over a few flag sets, against the table of DESIGN.md section 4.
  @Test func everyCombination() {
    let optional: [FlagSet?] = Self.flagSets + [nil]
    for policy in [SyncPolicy(), SyncPolicy(deleteLocally: .never)] {
      for server in optional {
        for folder in optional {
          for base in optional {
            for changed in [false, true] {
              check(server, folder, base, contentChanged: changed, policy)
            }
          }
        }
      }
    }
  }

  private func check(
    _ server: FlagSet?, _ folder: FlagSet?, _ base: FlagSet?, contentChanged: Bool, _ policy: SyncPolicy
  ) {
    let action = SyncPlanner.plan(
      server: server.map { .present($0) } ?? .absent,
      folder: folder.map { .present($0, contentChanged: contentChanged) } ?? .absent, base: base, sameContent: true,
      policy: policy)
    let expected: MessageAction
    switch (server, folder, base) {
    case (.some, nil, nil): expected = .download
    case (.some, .some, nil): expected = .pair
    case (nil, _, nil): expected = .nothing
    case (nil, nil, .some): expected = .forget
    case (nil, .some, .some):
      expected = contentChanged || policy.deleteLocally == .never ? .keepLocal : .quarantine
    case (.some(let remote), nil, .some(let base)): expected = remote == base ? .nothing : .confirmFlags(base: remote)
    case (.some(let remote), .some(let local), .some(let base)):
      let merged = SyncPlanner.merge(base: base, server: remote, folder: local)
      expected =
        remote == base ? .nothing : merged == local ? .confirmFlags(base: remote) : .setLocalFlags(merged, base: remote)
    }
    #expect(action == expected)
    // What the server holds is never a reason to take a file away, and a local change is never overwritten.
    if server != nil { #expect(action != .quarantine && action != .forget) }
    if contentChanged, folder != nil { #expect(action != .quarantine) }
  }

  @Test("D9 another client's \\Deleted is a flag and removes nothing")
  func deletedIsAFlag() {
    let action = SyncPlanner.plan(
      server: .present(FlagSet(system: .deleted)), folder: .present(FlagSet(), contentChanged: false), base: FlagSet(),
      policy: SyncPolicy())
    #expect(action == .setLocalFlags(FlagSet(system: .deleted), base: FlagSet(system: .deleted)))
  }

  @Test func mergeIsFlagByFlag() {
    for base in Self.flagSets {
      for server in Self.flagSets {
        for folder in Self.flagSets {
          let merged = SyncPlanner.merge(base: base, server: server, folder: folder)
          for name in base.union(server).union(folder).wireNames {
            let flag = FlagSet(wireNames: [name])
            func has(_ set: FlagSet) -> Bool { flag.subtracting(set).isEmpty }
            #expect(has(merged) == (has(base) == has(server) ? has(folder) : has(server)))
          }
        }
      }
    }
  }
}

@Suite struct MembershipTests {
  static func set(_ uids: ClosedRange<UInt32>...) -> UIDSet { UIDSet(ranges: uids) }

  @Test("Q9 a VANISHED that leaves one out asks for a listing")
  func vanishedIncomplete() {
    #expect(
      SyncPlanner.membership(
        .changes(vanished: Self.set(1...8), appeared: UIDSet()), known: Self.set(1...10), unfetched: UIDSet(), exists: 1
      )
        == .needsListing)
  }

  @Test("Q10 a VANISHED of everything yet thousands EXISTS removes nothing")
  func vanishedTooMuch() {
    #expect(
      SyncPlanner.membership(
        .changes(vanished: Self.set(1...26183), appeared: UIDSet()), known: Self.set(1...9_000), unfetched: UIDSet(),
        exists: 9_000) == .needsListing)
  }

  @Test("G13 a listing that is shorter than EXISTS removes nothing")
  func shortListing() {
    #expect(
      SyncPlanner.membership(.complete(Self.set(1...5)), known: Self.set(1...10), unfetched: UIDSet(), exists: 10)
        == .contradictory(listed: 5, exists: 10))
  }

  @Test func unknownUIDsInVanishedDoNotCount() {
    #expect(
      SyncPlanner.membership(
        .changes(vanished: Self.set(1...4_294_967_295), appeared: UIDSet()), known: Self.set(3...4),
        unfetched: Self.set(9...9), exists: 0)
        == .decided(MembershipChange(appeared: UIDSet(), gone: Self.set(3...4, 9...9))))
  }

  /// Random mailboxes: a complete listing always decides, and deciding by changes gives the same as by listing.
  @Test(arguments: UInt64(0)..<300) func changesAgreeWithListing(seed: UInt64) {
    var random = SeededRandom(seed)
    var known = UIDSet()
    var server = UIDSet()
    var vanished = UIDSet()
    for value in UInt32(1)...60 {
      guard let uid = UID(value) else { continue }
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        known.insert(uid)
        server.insert(uid)
      case 1:
        known.insert(uid)
        vanished.insert(uid)
      case 2: server.insert(uid)
      default: vanished.insert(uid)
      }
    }
    let byListing = SyncPlanner.membership(.complete(server), known: known, unfetched: UIDSet(), exists: server.count)
    let byChanges = SyncPlanner.membership(
      .changes(vanished: vanished, appeared: server.subtracting(known)), known: known, unfetched: UIDSet(),
      exists: server.count)
    #expect(byListing == byChanges, "seed \(seed)")
    #expect(
      byListing
        == .decided(MembershipChange(appeared: server.subtracting(known), gone: known.subtracting(server))))
  }
}

@Suite struct RemovalGuardTests {
  @Test(
    "D1 removals above both count and share, or the account's limit, are held",
    arguments: [
      (20, 0, 0, 20, false), (21, 0, 0, 100, true), (21, 0, 0, 200, false), (1, 20, 20, 100, true),
      (1, 19, 19, 100, false),
      (500, 0, 0, 100_000, false), (501, 0, 0, 100_000, true), (1, 0, 500, 100_000, true), (0, 900, 900, 1_000, false),
    ])
  func limits(removals: Int, folder: Int, account: Int, size: Int, isHeld: Bool) {
    let window = RemovalWindow(folder: folder, account: account, folderSizeAtStart: size)
    let verdict = SyncPlanner.guardRemovals(removals, window: window, limits: HoldLimits(), isTrashOrJunk: false)
    #expect((verdict != .allowed) == isHeld)
    #expect(SyncPlanner.guardRemovals(removals, window: window, limits: HoldLimits(), isTrashOrJunk: true) == .allowed)
  }
}

@Suite struct RematchingTests {
  @Test func byIdentityThenDateThenSize() throws {
    let digest = try #require(Digest([UInt8](repeating: 7, count: 32)))
    let other = try #require(Digest([UInt8](repeating: 8, count: 32)))
    func identity(_ id: String?, _ size: Int64?, _ date: Int64?, _ header: Digest) -> ContentIdentity {
      ContentIdentity(emailID: id, headerDigest: header, size: size, internalDate: date)
    }
    let rows = [
      (row: 1, identity: identity(nil, 10, 5, digest), content: digest),
      (row: 2, identity: identity("E", 11, 6, digest), content: digest),
      (row: 3, identity: identity("E", 10, 5, other), content: digest),
      (row: 4, identity: identity(nil, 20, 5, digest), content: digest),
      (row: 5, identity: identity(nil, 20, 5, digest), content: other),
      (row: 6, identity: identity(nil, 30, 5, digest), content: other),
      (row: 7, identity: identity(nil, 30, 5, digest), content: other),
    ]
    #expect(SyncPlanner.match(identity("E", 10, 5, digest), among: rows) == 2)
    #expect(SyncPlanner.match(identity(nil, 10, 5, digest), among: rows) == 1)
    #expect(SyncPlanner.match(identity(nil, 10, 99, digest), among: rows) == nil, "another date is another message")
    #expect(SyncPlanner.match(identity(nil, 12, 5, digest), among: rows) == nil)
    #expect(SyncPlanner.match(identity(nil, 10, 5, other), among: rows) == 3)
    #expect(SyncPlanner.match(identity(nil, 20, 5, digest), among: rows) == nil, "only the content can tell")
    #expect(SyncPlanner.match(identity(nil, 30, 5, digest), among: rows) == 6, "true copies are given one by one")
  }
}

/// SplitMix64, so that a seed makes a case again.
struct SeededRandom: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
