import MailModel
import SyncPlanner
import Testing

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
    // Of what the view does not name only the number need be known.
    let named = vanished.union(server.subtracting(known))
    let byNumber = SyncPlanner.membership(
      .changes(vanished: vanished, appeared: server.subtracting(known)), known: known.intersection(named),
      besides: known.subtracting(named).count, unfetched: UIDSet(), exists: server.count)
    #expect(byListing == byNumber, "seed \(seed)")
    #expect(
      byListing
        == .decided(MembershipChange(appeared: server.subtracting(known), gone: known.subtracting(server))))
  }
}
