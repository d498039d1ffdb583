import Foundation
import MailModel
import SyncState
import Testing

@Suite struct AccountStateTests {
  let directory: String
  var path: String { directory + "/work.sqlite" }
  static let identity = AccountIdentity(account: "work", server: "imaps://u@h:993", marker: "m", machine: "x")

  init() throws {
    directory = NSTemporaryDirectory() + "mailmirror-state-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  private func opened(boot: String = "b1") throws -> AccountState {
    if !AccountState.exists(at: path) { try AccountState.create(at: path, identity: Self.identity, now: 1) }
    return try AccountState.open(at: path, boot: boot, now: 2)
  }

  private func intent(_ mailbox: Int64, _ uid: UInt32, byte: UInt8 = 1) throws -> DeliveryIntent {
    let digest = try #require(Digest([UInt8](repeating: byte, count: 32)))
    return DeliveryIntent(
      mailbox: mailbox, uid: try #require(UID(uid)), baseName: Array("b\(uid)".utf8), fileName: Array("b\(uid)".utf8),
      isInCur: false, flags: FlagSet(system: .seen, keywords: ["todo"]), unlettered: ["todo"],
      digests: MessageDigests(content: digest, header: digest), diskSize: 3, wireSize: 4, rfc822Size: 4,
      lineEnds: nil, internalDate: 7, internalZone: 0, emailID: "E", gmailID: .max)
  }

  private func settled(_ row: Int64) -> SettledDelivery {
    SettledDelivery(
      message: row, baseName: Array("b".utf8), fileName: Array("b:2,S".utf8), isInCur: true,
      stamp: FileStamp(device: 1, inode: 2, size: 3, modified: 4, changed: 5))
  }

  @Test func intentsBecomeRows() async throws {
    let state = try opened()
    let mailbox = try await state.addMailbox(.inbox, delimiter: 47, folder: "")
    let rows = try await state.intend([intent(mailbox.id, 1), intent(mailbox.id, 2), intent(mailbox.id, 9)])
    #expect(try await state.unsettled(.intended).count == 3)
    try await state.settle([settled(rows[0])])
    try await state.forget([rows[2]])
    #expect(try await state.unsettled(.intended).map(\.id) == [rows[1]])
    #expect(try await state.uids(of: mailbox.id).description == "1:2")
    let read = try #require(try await state.messages([UID(1)!], of: mailbox.id)[UID(1)!])
    #expect(read.flags == FlagSet(system: .seen, keywords: ["todo"]) && read.stamp?.inode == 2 && read.emailID == "E")
    try await state.close()
  }

  @Test("what comes after the end is refused and ends nothing")
  func useAfterClose() async throws {
    let state = try opened()
    try await state.close()
    await #expect(throws: CancellationError.self) { try await state.addMailbox(.inbox, delimiter: 47, folder: "") }
    await #expect(throws: CancellationError.self) { try await state.unsettled(.intended) }
    await #expect(throws: CancellationError.self) { try await state.close() }
    await state.releaseMemory()
    let again = try opened()
    #expect(try await again.unsettled(.intended).isEmpty)
  }

  @Test func whatTheServerHasIsCountedAsItChanges() async throws {
    let state = try opened()
    let mailbox = try await state.addMailbox(.inbox, delimiter: nil, folder: "")
    let rows = try await state.intend((1...9).map { try intent(mailbox.id, $0) })
    func counts() async throws -> [Int] {
      let summary = try #require(try await state.summary(of: mailbox.id))
      return [try await state.messageCount(of: mailbox.id).remote, summary.messages, summary.unseen]
    }
    #expect(try await counts() == [9, 0, 0])
    try await state.settle(rows.dropLast().map(settled))
    #expect(try await counts() == [9, 8, 0])
    #expect(try await state.settledCount(of: mailbox.id) == 8)
    let read = try #require(try await state.messages([UID(1)!], of: mailbox.id)[UID(1)!])
    try await state.setFlags([
      FlagConfirmation(
        message: read.id, flags: FlagSet(), unlettered: [], isPending: false, fileName: read.fileName, isInCur: true,
        stamp: nil)
    ])
    #expect(try await counts() == [9, 8, 1])
    try await state.setMissing([read], since: 1)
    #expect(try await counts() == [9, 7, 0])
    try await state.setDeparted([rows[1]], at: 1)
    #expect(try await counts()[0] == 8)
    try await state.forget([rows[0], rows[8]])
    #expect(try await counts()[0] == 6)
    #expect(try await state.uids(of: mailbox.id).count == 6)
    #expect(
      try await state.uids(of: mailbox.id, among: UIDSet(ranges: [1...3, 8...UInt32.max])).description == "3,8")
    try await state.forgetUIDs(of: mailbox.id, validity: UIDValidity(2)!)
    #expect(try await counts()[0] == 0)
    try await state.close()
  }

  @Test("where else a message is or was, and not where mailboxes show what others hold")
  func moveSources() async throws {
    let state = try opened()
    var mailboxes: [Int64] = []
    for (number, use) in [nil, "\\Trash", "\\All", nil].enumerated() {
      let name = MailboxName(wire: Data("m\(number)".utf8))
      let record = try await state.addMailbox(name, delimiter: nil, folder: "m\(number)")
      if let use { try await state.setSpecialUse(use, of: record.id) }
      mailboxes.append(record.id)
      let rows = try await state.intend([intent(record.id, 1)])
      try await state.settle(rows.map(settled))
    }
    let header = try #require(Digest([UInt8](repeating: 1, count: 32)))
    func sources() async throws -> MoveSources? {
      try await state.sources(of: [header, .zero], besides: mailboxes[3])[header]
    }
    #expect(try await sources()?.mailboxes == Set(mailboxes.prefix(2)))
    #expect(try await sources()?.departed == [])
    let row = try #require(try await state.messages([UID(1)!], of: mailboxes[0])[UID(1)!])
    try await state.setDeparted([row.id], at: 5)
    #expect(try await sources()?.mailboxes == [mailboxes[1]])
    #expect(try await sources()?.departed == [mailboxes[0]])
    try await state.close()
  }

  @Test("two messages of equal content, Message-ID and EMAILID are two rows; one UID is one row")
  func constraints() async throws {
    let state = try opened()
    let mailbox = try await state.addMailbox(.inbox, delimiter: nil, folder: "")
    _ = try await state.intend([intent(mailbox.id, 1), intent(mailbox.id, 2)])
    await #expect(throws: StateError.self) { try await state.intend([intent(mailbox.id, 2)]) }
    await #expect(throws: StateError.self) {
      try await state.intend([intent(mailbox.id, 3), intent(mailbox.id, 4), intent(mailbox.id, 3)])
    }
    #expect(try await state.unsettled(.intended).count == 2, "all of a group or nothing")
    #expect(try await state.messageCount(of: mailbox.id).remote == 2)
  }

  @Test("a file that went to another name than was intended is settled under that")
  func settlesUnderEitherName() async throws {
    let state = try opened()
    let mailbox = try await state.addMailbox(.inbox, delimiter: nil, folder: "")
    let rows = try await state.intend([intent(mailbox.id, 1), intent(mailbox.id, 2), intent(mailbox.id, 3)])
    let stamp = FileStamp(device: 1, inode: 2, size: 3, modified: 4, changed: 5)
    try await state.settle([
      SettledDelivery(
        message: rows[0], baseName: Array("b1".utf8), fileName: Array("b1".utf8), isInCur: false, stamp: stamp),
      settled(rows[1]),
      SettledDelivery(
        message: rows[2], baseName: Array("b3".utf8), fileName: Array("b3".utf8), isInCur: false, stamp: stamp,
        pending: .flags),
    ])
    let read = try await state.messages([1, 2, 3].compactMap { UID($0) }, of: mailbox.id)
    #expect(read.values.allSatisfy { $0.state == .present && $0.stamp?.changed == 5 })
    #expect(read[UID(1)!]?.fileName == Array("b1".utf8) && read[UID(1)!]?.isInCur == false)
    #expect(read[UID(2)!]?.fileName == Array("b:2,S".utf8) && read[UID(2)!]?.isInCur == true)
    #expect(read[UID(2)!]?.baseName == Array("b".utf8) && read[UID(3)!]?.pending == .flags)
    try await state.close()
  }

  @Test func checkpointsAndPowerCuts() async throws {
    let state = try opened()
    let mailbox = try await state.addMailbox(.inbox, delimiter: nil, folder: "")
    let checkpoint = Checkpoint(uidNext: .max, highestModSequence: ModSequence(UInt64(Int64.max)), messages: 4)
    try await state.completeRound(of: mailbox.id, checkpoint: checkpoint, now: 5)
    #expect(try await state.mailbox(mailbox.id)?.checkpoint == checkpoint)
    try await state.close()
    let clean = try opened(boot: "b2")
    #expect(clean.sessionLostToPowerCut == nil)
    // Not closed, the same boot: a crash of the process alone.
    let crashed = try opened(boot: "b2")
    #expect(crashed.sessionLostToPowerCut == nil && crashed.session == 3)
    let lost = try opened(boot: "b3")
    #expect(lost.sessionLostToPowerCut == 3)
  }

  @Test(
    "M22 a database that is empty, cut short or no database is refused and left as it is",
    arguments: [0, 50, 4096, 9000])
  func damaged(length: Int) async throws {
    let state = try opened()
    let mailbox = try await state.addMailbox(.inbox, delimiter: nil, folder: "")
    _ = try await state.intend((1...500).map { try intent(mailbox.id, UInt32($0)) })
    try await state.close()
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.truncate(atOffset: UInt64(length))
    try handle.close()
    #expect { try AccountState.open(at: path, boot: "b", now: 3) } throws: { ($0 as? StateError)?.kind == .damaged }
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int == length)
  }

  @Test("M22 garbage in the middle is found when the last run did not close")
  func garbage() async throws {
    var state: AccountState? = try opened()
    let mailbox = try #require(try await state?.addMailbox(.inbox, delimiter: nil, folder: ""))
    _ = try await state?.intend((1...500).map { try intent(mailbox.id, UInt32($0)) })
    try await state?.close()
    state = try opened()
    state = nil
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    try handle.seek(toOffset: 4096 * 3)
    try handle.write(contentsOf: Data((0..<8192).map { _ in UInt8.random(in: 0...255) }))
    try handle.close()
    #expect(throws: StateError.self) { try AccountState.open(at: path, boot: "b", now: 3) }
  }
}
