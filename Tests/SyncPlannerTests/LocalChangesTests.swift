import MailModel
import SyncPlanner
import Testing

/// Moves, copies, new files and deletions, told apart by base name and content.
@Suite struct LocalChangesTests {
  static let inbox: Int64 = 1
  static let archive: Int64 = 2
  static let sent: Int64 = 3

  static func content(_ byte: UInt8) -> Digest { Digest([UInt8](repeating: byte, count: 32)) ?? .zero }

  static func missing(
    _ id: Int64, in mailbox: Int64 = inbox, _ name: String, inode: Int64? = nil, _ byte: UInt8, since: Int64 = 0,
    hasCopy: Bool = false, copyOf: Int64? = nil, isFrozen: Bool = false
  ) -> MissingMessage {
    MissingMessage(
      id: id, mailbox: mailbox, baseName: Array(name.utf8), inode: inode, content: content(byte), since: since,
      hasCopy: hasCopy, copyOf: copyOf, isFrozen: isFrozen)
  }

  static func stray(_ mailbox: Int64, _ name: String, _ byte: UInt8, inode: Int64 = 7) -> StrayFile {
    StrayFile(
      mailbox: mailbox, baseName: Array(name.utf8), inode: inode, content: byte == 0 ? .zero : content(byte))
  }

  static func present(_ id: Int64, in mailbox: Int64 = inbox, _ name: String, _ byte: UInt8) -> PresentMessage {
    PresentMessage(id: id, mailbox: mailbox, baseName: Array(name.utf8), content: content(byte))
  }

  private func changes(
    _ missing: [MissingMessage] = [], _ strays: [StrayFile] = [], _ present: [PresentMessage] = [],
    scanBegan: Int64 = 100
  ) -> [LocalChange] {
    SyncPlanner.localChanges(missing: missing, strays: strays, present: present, scanBegan: scanBegan, settle: 10)
  }

  @Test func aFileInAnotherFolderIsAMove() {
    for name in ["a", "other"] {
      let file = Self.stray(Self.archive, name, 1)
      #expect(changes([Self.missing(1, "a", 1)], [file]) == [.move(message: 1, to: file)])
    }
  }

  @Test("Of equal files under other names each is the one with its inode")
  func inodesTellEqualFilesApart() {
    let first = Self.stray(Self.archive, "x", 1, inode: 12)
    let second = Self.stray(Self.sent, "y", 1, inode: 11)
    #expect(
      changes([Self.missing(1, "a", inode: 11, 1), Self.missing(2, "b", inode: 12, 1)], [first, second]) == [
        .move(message: 1, to: second), .move(message: 2, to: first),
      ])
  }

  @Test("M7 another base name in the folder is a rename, which the server does not hear of")
  func anotherBaseName() {
    let file = Self.stray(Self.inbox, "b", 1)
    #expect(changes([Self.missing(1, "a", 1)], [file]) == [.rename(message: 1, to: file)])
  }

  @Test func anEditMovedIsAnUploadAndThenADeletion() {
    let file = Self.stray(Self.archive, "a", 2)
    #expect(changes([Self.missing(1, "a", 1)], [file]) == [.upload(file), .delete(message: 1)])
  }

  @Test("M9 a copy inside a folder, or to another one, is a copy; both stay")
  func copies() {
    for mailbox in [Self.inbox, Self.archive] {
      let file = Self.stray(mailbox, "b", 1)
      #expect(changes([], [file], [Self.present(1, "a", 1)]) == [.copy(of: 1, to: file)])
    }
  }

  @Test func theCopyIsOfTheOneThatAMoveWouldLeaveBehind() {
    let file = Self.stray(Self.archive, "b", 1)
    let here = Self.present(1, in: Self.archive, "x", 1)
    #expect(changes([], [file], [here, Self.present(2, "a", 1)]) == [.copy(of: 2, to: file)])
    #expect(changes([], [file], [here, Self.present(2, "a", 1), Self.present(3, "b", 1)]) == [.copy(of: 3, to: file)])
  }

  @Test func aMessageWrittenAnewIsNoCopyOfItself() {
    let file = Self.stray(Self.inbox, "a", 1, inode: 8)
    #expect(changes([], [file], [Self.present(1, "a", 1)]) == [])
    #expect(changes([Self.missing(2, "b", 1)], [file], [Self.present(1, "a", 1)]) == [.delete(message: 2)])
  }

  @Test func aMoveAndACopyAtOnce() {
    let files = [Self.stray(Self.archive, "b", 1), Self.stray(Self.sent, "c", 1)]
    #expect(
      changes([Self.missing(1, "a", 1)], files) == [.move(message: 1, to: files[0]), .copy(of: 1, to: files[1])])
  }

  @Test func newFilesAreUploaded() {
    let files = [Self.stray(Self.sent, "b", 1), Self.stray(Self.sent, "c", 1), Self.stray(Self.sent, "a", 2)]
    #expect(changes([], files) == [.upload(files[2]), .upload(files[0]), .upload(files[1])])
  }

  @Test func oneToOne() {
    let missing = [Self.missing(1, "a", 1), Self.missing(2, in: Self.archive, "b", 1), Self.missing(3, "c", 1)]
    let files = [
      Self.stray(Self.archive, "new", 1), Self.stray(Self.sent, "c", 1), Self.stray(Self.inbox, "zz", 1),
    ]
    #expect(
      changes(missing, files) == [
        .rename(message: 1, to: files[2]), .rename(message: 2, to: files[0]), .move(message: 3, to: files[1]),
      ])
    #expect(
      changes(missing, [files[1]]) == [.move(message: 3, to: files[1]), .delete(message: 1), .delete(message: 2)])
  }

  @Test("Two messages of equal content, one deleted: the other stays")
  func equalContent() {
    #expect(changes([Self.missing(1, "a", 1)], [], [Self.present(2, "b", 1)]) == [.delete(message: 1)])
  }

  @Test(
    "A disappearance is a deletion after a second complete scan, `settle` later",
    arguments: [(90, 100, true), (91, 100, false), (100, 100, false), (100, 110, true), (100, 0, false)]
      as [(
        Int64, Int64, Bool
      )])
  func settled(since: Int64, scanBegan: Int64, isSettled: Bool) {
    let message = Self.missing(1, "a", 1, since: since)
    #expect(
      changes([message], scanBegan: scanBegan) == [isSettled ? .delete(message: 1) : .wait(message: 1)])
  }

  @Test func withoutSettleTheSecondScanIsStillNeeded() {
    let message = Self.missing(1, "a", 1, since: 50)
    for (scan, expected) in [(50, LocalChange.wait(message: 1)), (51, .delete(message: 1))] as [(Int64, LocalChange)] {
      #expect(
        SyncPlanner.localChanges(missing: [message], strays: [], present: [], scanBegan: scan, settle: 0) == [expected])
    }
    let endless = SyncPlanner.localChanges(
      missing: [message], strays: [], present: [], scanBegan: 51, settle: .max)
    #expect(endless == [.wait(message: 1)])
  }

  @Test func theRestOfAMove() {
    #expect(changes([Self.missing(1, "a", 1, hasCopy: true)]) == [.expungeRest(message: 1)])
    #expect(changes([Self.missing(1, "a", 1, since: 99, hasCopy: true)]) == [.wait(message: 1)])
  }

  @Test func theRestOfAMoveWhoseCopyGotAnotherName() {
    let file = Self.stray(Self.archive, "c", 1)
    let copy = Self.missing(2, in: Self.archive, "b", inode: 7, 1, copyOf: 1)
    #expect(
      changes([Self.missing(1, "a", inode: 7, 1), copy], [file])
        == [.rename(message: 2, to: file), .expungeRest(message: 1)])
  }

  @Test func whatWaitsForAPersonWaitsWithItsFile() {
    let frozen = Self.missing(1, "a", 1, isFrozen: true)
    let file = Self.stray(Self.archive, "a", 1)
    #expect(changes([frozen]) == [])
    #expect(changes([frozen], [file]) == [])
    let second = Self.stray(Self.sent, "b", 1)
    #expect(changes([frozen], [file, second]) == [.upload(second)])
    #expect(changes([frozen, Self.missing(2, "b", 1)], [file]) == [.move(message: 2, to: file)])
  }

  @Test("A file that can't be read yet is nobody's, and its base name keeps a message from being deleted")
  func unread() {
    let file = Self.stray(Self.archive, "a", 0)
    #expect(
      changes([Self.missing(1, "a", 1), Self.missing(2, "b", 1)], [file]) == [
        .delete(message: 2), .wait(message: 1),
      ])
  }

  /// Random accounts: every file and every message has exactly one change, and the order of the input is nothing.
  @Test(arguments: UInt64(0)..<300) func everythingOnce(seed: UInt64) {
    var random = SeededRandom(seed)
    func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
    func name() -> String { "n\(number(0..<6))" }
    var missing: [MissingMessage] = []
    var present: [PresentMessage] = []
    var strays: Set<StrayFile> = []
    for id in 0..<Int64(number(0..<12)) {
      let (mailbox, content) = (Int64(number(0..<3)), UInt8(number(1..<4)))
      if number(0..<2) == 0 {
        missing.append(Self.missing(id, in: mailbox, name(), content, since: Int64(number(80..<101))))
      } else {
        present.append(Self.present(id, in: mailbox, name(), content))
      }
    }
    for inode in 0..<number(0..<8) {
      let file = Self.stray(Int64(number(0..<3)), name(), UInt8(number(1..<4)), inode: Int64(inode))
      if !present.contains(where: { $0.mailbox == file.mailbox && $0.baseName == file.baseName }) {
        strays.insert(file)
      }
    }
    let planned = changes(missing, Array(strays), present)
    #expect(planned == changes(missing.shuffled(using: &random), strays.shuffled(using: &random), present.reversed()))
    var files: [StrayFile] = []
    var messages: [Int64] = []
    let contents = Dictionary(
      uniqueKeysWithValues: missing.map { ($0.id, $0.content) } + present.map { ($0.id, $0.content) })
    for change in planned {
      switch change {
      case .rename(let message, let file), .move(let message, let file):
        files.append(file)
        messages.append(message)
        #expect(contents[message] == file.content)
      case .copy(let message, let file):
        files.append(file)
        #expect(contents[message] == file.content)
      case .upload(let file): files.append(file)
      case .expungeRest(let message), .delete(let message), .wait(let message): messages.append(message)
      }
    }
    #expect(files.count == strays.count && Set(files) == strays, "seed \(seed)")
    #expect(messages.sorted() == missing.map(\.id).sorted(), "seed \(seed)")
    // Nothing goes while a file of its content has no message.
    let uploaded = Set(planned.compactMap { if case .upload(let file) = $0 { file.content } else { nil } })
    #expect(missing.allSatisfy { !uploaded.contains($0.content) }, "seed \(seed)")
  }
}
