import Foundation
import MailModel
import SyncState
import Testing

/// A person's word about holds, in the state alone.
@Suite struct HoldRowsTests {
  let state: AccountState
  let mailbox: Int64

  init() async throws {
    let directory = NSTemporaryDirectory() + "mailmirror-holds-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let path = directory + "/work.sqlite"
    try AccountState.create(
      at: path, identity: AccountIdentity(account: "work", server: "old", marker: "m", machine: "x"), now: 1)
    state = try AccountState.open(at: path, boot: "b", now: 2)
    mailbox = try await state.addMailbox(.inbox, delimiter: 47, folder: "").id
    try await state.setValidity(try #require(UIDValidity(1)), of: mailbox)
  }

  private func rows(_ count: UInt32) async throws -> [Int64] {
    let intents = try (1...count).map { uid in
      let digest = try #require(Digest([UInt8](repeating: UInt8(uid), count: 32)))
      return DeliveryIntent(
        mailbox: mailbox, uid: try #require(UID(uid)), baseName: Array("b\(uid)".utf8),
        fileName: Array("b\(uid)".utf8), isInCur: false, flags: FlagSet(system: .seen, keywords: []), unlettered: [],
        digests: MessageDigests(content: digest, header: digest), diskSize: 3, wireSize: 4, rfc822Size: 4,
        lineEnds: nil, internalDate: 7, internalZone: 0, emailID: nil, gmailID: nil)
    }
    let rows = try await state.intend(intents)
    try await state.settle(
      rows.enumerated().map { index, row in
        SettledDelivery(
          message: row, baseName: Array("b\(index + 1)".utf8), fileName: Array("b\(index + 1):2,S".utf8), isInCur: true,
          stamp: FileStamp(device: 1, inode: Int64(index + 10), size: 3, modified: 4, changed: 5))
      })
    return rows
  }

  private func hold(_ rows: [Int64], _ kind: HoldKind) async throws -> HoldRecord {
    try await state.hold(rows, in: mailbox, kind: kind.rawValue, reason: "many", now: 9)
    return try #require(try await state.holds().last)
  }

  @Test func approvalMarksWhatIsListed() async throws {
    let rows = try await rows(3)
    try await state.setRemote(false, of: Array(rows[..<2]))
    let hold = try await hold(Array(rows[..<2]), .removals)
    #expect(hold.messages == 2)
    try await state.approve(hold, server: "old", now: 10)
    #expect(try await state.messages(ids: rows).map(\.isApproved) == [true, true, false])
    #expect(try await state.holds().isEmpty)
    // The server has one again: the word counts no more.
    try await state.setRemote(true, of: [rows[0]])
    #expect(try await state.messages(ids: rows).map(\.isApproved) == [false, true, false])
  }

  @Test func rejectedRemovalsBecomeFilesToSend() async throws {
    let rows = try await rows(3)
    try await state.setRemote(false, of: Array(rows[..<2]))
    try await state.reject(try await hold(Array(rows[..<2]), .removals), now: 10)
    let files = try await state.localFiles(of: mailbox)
    #expect(files.count == 2 && files.allSatisfy { $0.isApproved && $0.refused == nil })
    #expect(try await state.messages(ids: rows).map(\.id) == [rows[2]])
    let events = try await state.history(limit: 10)
    #expect(events.map(\.event) == ["held", "held", "rejected", "rejected"])
    #expect(events.allSatisfy { $0.came != nil })
  }

  @Test func rejectedDeletionsAreListedAgain() async throws {
    let rows = try await rows(2)
    try await state.completeRound(
      of: mailbox, checkpoint: Checkpoint(uidNext: 3, highestModSequence: nil, messages: 2), now: 3)
    try await state.setMissing(try await state.messages(ids: [rows[0]]), since: 5)
    try await state.reject(try await hold([rows[0]], .deletions), now: 10)
    #expect(try await state.messages(ids: rows).map(\.id) == [rows[1]])
    #expect(try await state.mailbox(mailbox)?.checkpoint == nil)
  }

  @Test func filesThatArePutBackWithdrawAnApproval() async throws {
    let rows = try await rows(1)
    try await state.setMissing(try await state.messages(ids: rows), since: 5)
    try await state.approve(try await hold(rows, .deletions), server: "old", now: 10)
    try await state.setSeen(
      [
        SeenFile(
          message: rows[0], fileName: Array("b1".utf8), isInCur: false,
          stamp: FileStamp(device: 1, inode: 10, size: 3, modified: 4, changed: 6), pending: [])
      ], in: mailbox)
    #expect(try await state.messages(ids: rows).map(\.isApproved) == [false])
  }

  @Test func rejectedFilesStayHere() async throws {
    let digest = try #require(Digest([UInt8](repeating: 1, count: 32)))
    let file = LocalFile(
      mailbox: mailbox, baseName: Array("x".utf8), fileName: Array("x".utf8), isInCur: false,
      stamp: FileStamp(device: 1, inode: 2, size: 3, modified: 4, changed: 5),
      digests: MessageDigests(content: digest, header: digest))
    try await state.setLocalFiles([file], of: mailbox)
    try await state.hold([], files: [file], in: mailbox, kind: "uploads", reason: "many", now: 9)
    try await state.reject(try #require(try await state.holds().first), now: 10)
    #expect(try await state.localFiles(of: mailbox).map(\.refused) == ["kept here only, as you said"])
    #expect(try await state.strays(in: mailbox).isEmpty)
  }

  @Test func anotherServerIsTaken() async throws {
    let rows = try await rows(2)
    try await state.approve(try await hold([], .server), server: "new", now: 10)
    #expect(try await state.mailbox(mailbox)?.uidValidity == nil)
    #expect(try await state.messages(ids: rows).allSatisfy { $0.uid == nil && $0.isRemote })
  }

  @Test("a number is never given to another hold") func numbers() async throws {
    let rows = try await rows(2)
    let first = try await hold([rows[0]], .removals)
    try await state.dropHold(first.id)
    let second = try await hold([rows[1]], .deletions)
    #expect(second.id > first.id)
    #expect(try await state.history(limit: 10).map(\.event) == ["held", "released", "held"])
  }

  @Test func historyIsBounded() async throws {
    let rows = try await rows(2)
    try await state.hold([rows[0]], in: mailbox, kind: "removals", reason: "old", now: 1_000)
    try await state.hold([rows[1]], in: mailbox, kind: "removals", reason: "young", now: 40_000_000)
    try await state.purgeHistory(now: 40_000_001)
    #expect(try await state.history(limit: 10).map(\.detail) == ["young"])
  }
}
