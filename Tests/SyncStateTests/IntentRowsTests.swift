import Foundation
import MailModel
import SyncState
import Testing

/// Acts on the server that are not safe to repeat.
@Suite struct IntentRowsTests {
  let state: AccountState
  let mailbox: Int64

  init() async throws {
    let directory = NSTemporaryDirectory() + "mailmirror-intents-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let path = directory + "/work.sqlite"
    try AccountState.create(
      at: path, identity: AccountIdentity(account: "work", server: "old", marker: "m", machine: "x"), now: 1)
    state = try AccountState.open(at: path, boot: "b", now: 2)
    mailbox = try await state.addMailbox(.inbox, delimiter: 47, folder: "").id
  }

  private func file(_ content: UInt8, inode: Int64) throws -> LocalFile {
    let digest = try #require(Digest([UInt8](repeating: content, count: 32)))
    return LocalFile(
      mailbox: mailbox, baseName: Array("one".utf8), fileName: Array("one:2,".utf8), isInCur: true,
      stamp: FileStamp(device: 1, inode: inode, size: 3, modified: 4, changed: 5),
      digests: MessageDigests(content: digest, header: digest))
  }

  @Test func anIntentFindsItsFileAgain() async throws {
    let key = ServerIntent.File(baseName: Array("one".utf8), inode: 10)
    for now in [try file(1, inode: 10), try file(2, inode: 11)] {
      try await state.setLocalFiles([now], of: mailbox)
      #expect(try await state.localFile(key, in: mailbox)?.digests == now.digests)
    }
    try await state.setLocalFiles([file(1, inode: 10), file(2, inode: 11)], of: mailbox)
    #expect(try await state.localFile(key, in: mailbox)?.stamp.inode == 10)
    try await state.setLocalFiles([], of: mailbox)
    #expect(try await state.localFile(key, in: mailbox) == nil)
  }

  @Test func onlyAnAppendWithoutItsLastOctetIsCertainlyNotDone() throws {
    let digests = try file(1, inode: 1).digests
    for (kind, isUncertain, mayBeDone) in [
      (ServerIntent.Kind.append, false, false), (.append, true, true), (.copy, false, true), (.move, false, true),
      (.trash, false, true),
    ] {
      var intent = ServerIntent(
        kind: kind, mailbox: mailbox, uidValidity: try #require(UIDValidity(1)), uidNext: 1, source: nil, file: nil,
        digests: digests, wireSize: 3)
      intent.isUncertain = isUncertain
      #expect(intent.mayBeDone == mayBeDone)
    }
  }

  /// A mailbox's own round may meet what an act brought there before the answer to the act is written down.
  @Test func whatARoundHasMetFirstIsNotConfirmedAgain() async throws {
    let uid = try #require(UID(7))
    let local = try file(1, inode: 10)
    try await state.setLocalFiles([local], of: mailbox)
    let delivery = DeliveryIntent(
      mailbox: mailbox, uid: uid, baseName: local.baseName, fileName: local.fileName, isInCur: true, flags: FlagSet(),
      unlettered: [], digests: local.digests, diskSize: 3, wireSize: 3, rfc822Size: 3, lineEnds: nil, internalDate: nil,
      internalZone: nil, emailID: nil, gmailID: nil)
    #expect(try await state.adopt([Adoption(file: local, intent: delivery, pending: [])]) == UIDSet([uid]))
    let adopted = try #require(try await state.messages([uid], of: mailbox)[uid])

    try await state.confirmUploads(
      [
        ConfirmedUpload(
          intent: nil, file: local, uid: uid, flags: FlagSet(), wireSize: 3, internalDate: nil, internalZone: nil)
      ], now: 3)
    let intent = ServerIntent(
      kind: .append, mailbox: mailbox, uidValidity: try #require(UIDValidity(1)), uidNext: 1, source: nil, file: nil,
      digests: local.digests, wireSize: 3)
    try await state.confirmArrival(
      of: intent, uid: uid, flags: FlagSet(), internalDate: nil, internalZone: nil, now: 3)
    var second = delivery
    (second.uid, second.baseName, second.fileName) = (
      try #require(UID(8)), Array("two".utf8), Array("two:2,".utf8)
    )
    let other = try #require(try await state.intend([second]).first)
    try await state.confirmMoves(
      [ConfirmedMove(intent: nil, message: other, file: local, uid: uid, pending: [], unlettered: [])],
      leavesSource: true, detail: "", now: 3)
    #expect(try await state.messages([uid], of: mailbox)[uid]?.id == adopted.id)
    #expect(try await state.messages(ids: [other]).first?.uid == UID(8))
  }
}
