import Glibc
import LinuxFiles
import MailModel
import Testing

@testable import Maildir

@Suite struct KeywordTests {
  private static let a = UInt8(ascii: "a")

  @Test("New keywords get lines and letters; old lines stay; the lock is given up")
  func adding() throws {
    let place = try Place()
    let folder = try place.folder()
    try place.put("dovecot-keywords", "0 $Forwarded\n2 todo\n")
    var before = stat()
    stat(place.path + "/dovecot-keywords", &before)
    let file = KeywordFile(of: folder)
    let known = try file.read(known: KeywordTable())
    #expect(known.names == [Self.a: "$Forwarded", Self.a + 2: "todo"])
    let table = try file.add(["Work", "TODO", "later", "bad name", ""], known: known)
    #expect(try place.text("dovecot-keywords") == "0 $Forwarded\n2 todo\n1 Work\n3 later\n")
    #expect(table.letters(for: ["work", "Todo", "none"]).letters == [Self.a + 1, Self.a + 2])
    #expect(table.letters(for: ["work", "Todo", "none"]).unnamed == ["none"])
    #expect(table.keywords(of: [Self.a + 3, Self.a + 9]).unknown == [Self.a + 9])
    #expect(try file.add(["later"], known: table) == table)
    #expect(try place.names() == ["cur", "dovecot-keywords", "new", "tmp"])
    var after = stat()
    stat(place.path + "/dovecot-keywords", &after)
    #expect(after.st_mtim.tv_sec > before.st_mtim.tv_sec)
  }

  @Test("A letter that a file has without a name is never given to a keyword")
  func unknownLetters() throws {
    let place = try Place()
    let folder = try place.folder()
    try place.put("cur/1.x:2,Sac")
    let table = try KeywordFile(of: folder).add(["one", "two"], known: KeywordTable())
    #expect(table.names == [Self.a + 1: "one", Self.a + 3: "two"])
  }

  @Test("After 26 keywords there are no letters left, and nothing is overwritten")
  func full() throws {
    let folder = try Place().folder()
    _ = folder
    let place = try Place()
    let file = KeywordFile(of: try place.folder())
    let table = try file.add((0..<30).map { "k\($0)" }, known: KeywordTable())
    #expect(table.names.count == 26)
    #expect(try file.add(["more"], known: table) == table)
  }

  @Test(
    "An unreadable or shrunken file stops keyword changes",
    arguments: ["", "0 other\n", "0 one\n1 two\n0 three\n", "0 one\n1 tw", "no number\n", "1 two\n", "0\n", "-1 x\n"])
  func damaged(_ text: String) throws {
    let place = try Place()
    let file = KeywordFile(of: try place.folder())
    let known = KeywordTable(names: [Self.a: "one", Self.a + 1: "two"])
    try place.put("dovecot-keywords", text)
    #expect(throws: KeywordProblem.self) { try file.read(known: known) }
    #expect(throws: KeywordProblem.self) { try file.add(["three"], known: known) }
    #expect(try place.text("dovecot-keywords") == text)
    unlink(place.path + "/dovecot-keywords")
    #expect(throws: KeywordProblem.self) { try file.read(known: known) }
    mkfifo(place.path + "/dovecot-keywords", 0o600)
    #expect(throws: KeywordProblem.self) { try file.read(known: KeywordTable()) }
  }

  @Test("A lock that is held is waited for, within a bound; a stale one is removed")
  func locking() throws {
    let place = try Place()
    let folder = try place.folder()
    let clock = ManualClock(WallClock.system.now())
    let file = KeywordFile(of: folder, clock: clock.clock)
    let lock = place.path + "/dovecot-uidlist.lock"
    // Another host's, fresh: respected.
    try place.put("dovecot-uidlist.lock", "1:elsewhere")
    #expect(throws: KeywordProblem.locked(path: lock)) { try file.add(["x"], known: KeywordTable(), milliseconds: 100) }
    #expect(try place.text("dovecot-uidlist.lock") == "1:elsewhere")
    // Unchanged for over two minutes: stale.
    clock.advance(seconds: 150)
    #expect(try file.add(["x"], known: KeywordTable(), milliseconds: 200).names == [Self.a: "x"])
    #expect(try place.text("dovecot-uidlist.lock") == nil)
    // This host's, the process alive (init): respected however old; one that is gone: stale at once.
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, 255)
    let host = buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } } ?? ""
    try place.put("dovecot-uidlist.lock", "1:\(host)")
    #expect(throws: KeywordProblem.self) { try file.add(["y"], known: KeywordTable(), milliseconds: 100) }
    try place.put("dovecot-uidlist.lock", "4194303:\(host)")
    #expect(try file.add(["y"], known: KeywordTable(), milliseconds: 200).names.count == 2)
    // Our own number, from a run that was killed.
    try place.put("dovecot-uidlist.lock", "\(getpid()):\(host)")
    #expect(try file.add(["z"], known: KeywordTable(), milliseconds: 200).names.count == 3)
    #expect(try place.names() == ["cur", "dovecot-keywords", "new", "tmp"])
  }

  @Test("Threads that add at the same time never give a letter two names")
  func threads() async throws {
    let place = try Place()
    let folder = try place.folder()
    let pool = DiskPool()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        group.addTask {
          try await pool.run {
            let file = KeywordFile(of: folder)
            var known = KeywordTable()
            for number in 0..<5 { known = try file.add(["w\(worker)n\(number)"], known: known, milliseconds: 60_000) }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try KeywordFile(of: folder).read(known: KeywordTable()).names.count == 20)
  }

  @Test("Every step of an addition stopped once: the file is the old or the new one")
  func everyStep() throws {
    func run(_ faults: Faults, _ place: Place) throws {
      let file = KeywordFile(of: try place.folder())
      try place.put("dovecot-keywords", "0 old\n")
      try Step.$faults.withValue(faults) { _ = try file.add(["new"], known: KeywordTable()) }
    }
    let (whole, first) = (Faults(), try Place())
    try run(whole, first)
    for step in 1...whole.count {
      let place = try Place()
      let faults = Faults(Faults.Rule("\(step):EIO"))
      _ = try? run(faults, place)
      #expect(["0 old\n", "0 old\n1 new\n"].contains(try place.text("dovecot-keywords")))
      // A lock that this process left is no obstacle to it.
      let table = try KeywordFile(of: place.folder()).add(["new"], known: KeywordTable(), milliseconds: 500)
      #expect(table.names == [Self.a: "old", Self.a + 1: "new"])
    }
  }
}
