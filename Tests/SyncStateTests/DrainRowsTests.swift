import Foundation
import MailModel
import SyncState
import Testing

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

  private func listing(_ names: [String?]) -> ListingChanges {
    var changes = ListingChanges()
    changes.new = names.map { ListedMessage(uniqueID: $0.flatMap(name), size: 10) }
    return changes
  }

  private func intend(_ id: Int64, in mailbox: Int64, _ state: AccountState) async throws -> Int64 {
    let digest = try #require(Digest([UInt8](repeating: UInt8(id), count: 32)))
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

  @Test("The settling commit puts the intent to delete in force, QUIT's +OK ends it, and a listing bears it out")
  func wholeWay() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await state.noteListing(1, listing(["a", nil]), into: mailbox, leaves: true, now: 100)
    let waiting = try await state.drained()
    #expect(waiting.map(\.id) == ids && waiting.map(\.isHere) == [false, false])
    #expect(waiting.map(\.uniqueID) == [name("a"), nil] && waiting.map(\.firstSeen) == [100, 100])
    let message = try await intend(ids[0], in: mailbox, state)
    #expect(try await state.drained().map(\.isHere) == [false, false], "not before it is settled")
    try await settle(message, ids[0], state)
    #expect(try await state.drained().first?.isHere == true)
    #expect(try await state.drained().first?.departure == .leaving)
    #expect(try await state.drainedContents(ids).keys.sorted() == [ids[0]])
    try await state.noteQuit([ids[0]])
    #expect(try await state.drained().first?.departure == .uncertain)
    try await state.confirmDeletion([ids[0]], cause: .sync, detail: "deleted", now: 200)
    #expect(try await state.drained().first?.departure == .deleted)
    #expect(try await state.history(limit: 10).map(\.event) == ["came", "deleted"])
    var changes = ListingChanges()
    (changes.gone, changes.forgotten) = ([ids[0]], [ids[1]])
    #expect(try await state.noteListing(2, changes, into: mailbox, leaves: true, now: 300).isEmpty)
    #expect(try await state.drained().isEmpty)
    #expect(try await state.history(limit: 10).map(\.event) == ["came", "deleted"], "each once")
    #expect(try await state.drainListing() == 2)
    #expect(try await state.summary().maildrop?.drained == 1)
    #expect(try await state.messages(baseNames: [Array("base\(ids[0])".utf8)]).first?.isEmpty == true)
    let later = try await state.noteListing(3, listing(["a"]), into: mailbox, leaves: false, now: 400)
    #expect(later[0] > ids[1], "a UID is never given again")
    #expect(try await state.drained().first?.departure == DrainDeparture.none)
    try await state.close()
  }

  @Test("A message that is one that is here already gives its name to that one's row")
  func rebinding() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await state.noteListing(1, listing(["old"]), into: mailbox, leaves: true, now: 100)
    try await settle(try await intend(ids[0], in: mailbox, state), ids[0], state)
    var changes = listing(["new"])
    changes.absent = ids
    let new = try await state.noteListing(2, changes, into: mailbox, leaves: true, now: 200)
    #expect(try await state.drained().first?.absentListing == 2)
    try await state.rebind(new[0], to: ids[0])
    let rows = try await state.drained()
    #expect(rows.map(\.id) == ids && rows[0].uniqueID == name("new") && rows[0].absentListing == nil)
    try await state.close()
  }

  @Test("What is not here yet goes where mail is delivered now, and stays or leaves as the person wants now")
  func changedMind() async throws {
    let (state, inbox) = try await opened()
    let other = try await state.addMailbox(MailboxName("Other"), delimiter: 47, folder: ".Other").id
    let ids = try await state.noteListing(1, listing(["a", "b"]), into: inbox, leaves: true, now: 100)
    try await settle(try await intend(ids[0], in: inbox, state), ids[0], state)
    _ = try await state.noteListing(2, ListingChanges(), into: other, leaves: false, now: 200)
    #expect(try await state.drained().map(\.departure) == [.leaving, .none])
    try await settle(try await intend(ids[1], in: other, state), ids[1], state)
    #expect(try await state.drained().map(\.isHere) == [true, true])
    try await state.close()
  }

  @Test("P15 rows that are not listed any more are kept for a year")
  func absent() async throws {
    let (state, mailbox) = try await opened()
    let ids = try await state.noteListing(1, listing(["a", "b"]), into: mailbox, leaves: false, now: 100)
    var changes = ListingChanges()
    changes.absent = ids
    _ = try await state.noteListing(2, changes, into: mailbox, leaves: false, now: 200)
    try await state.purgeAbsent(now: 200 + 365 * 86_400)
    #expect(try await state.drained().count == 2)
    changes = ListingChanges()
    changes.returned = [ids[0]]
    _ = try await state.noteListing(3, changes, into: mailbox, leaves: false, now: 300)
    try await state.purgeAbsent(now: 300 + 367 * 86_400)
    #expect(try await state.drained().map(\.id) == [ids[0]])
    try await state.close()
  }
}
