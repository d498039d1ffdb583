import Glibc
import LinuxFiles
import Testing

@testable import Maildir

@Suite struct QuarantineTests {
  @Test("A removed message has a second name in quarantine, once, and the source stays until it is unlinked")
  func keeping() throws {
    let place = try Place()
    let folder = try place.folder()
    try place.put("cur/1.x:2,S", "text")
    let state = try Place()
    let quarantine = try Quarantine(stateDirectory: state.directory, account: "work")
    let name = Quarantine.newName(clock: .system)
    let file = try #require(try folder.cur.status(of: "1.x:2,S")).identity
    #expect(try quarantine.keep("1.x:2,S", file, from: folder.cur, as: name))
    #expect(try quarantine.keep("1.x:2,S", file, from: folder.cur, as: name))
    try quarantine.sync()
    #expect(try state.text("quarantine/work/" + name.description) == "text")
    #expect(try place.text("cur/1.x:2,S") == "text")
    var status = stat()
    stat(state.path + "/quarantine/work", &status)
    #expect(status.st_mode & 0o777 == 0o700)
    // The same entry for another message is refused.
    try place.put("cur/2.x:2,S", "other")
    let other = try #require(try folder.cur.status(of: "2.x:2,S")).identity
    #expect(throws: MaildirError.self) { try quarantine.keep("2.x:2,S", other, from: folder.cur, as: name) }
    // Nor is one kept that has come to the name of the first, or of which the name has gone.
    let next = Quarantine.newName(clock: .system)
    #expect(try !quarantine.keep("2.x:2,S", file, from: folder.cur, as: next))
    #expect(try !quarantine.keep("3.x:2,S", file, from: folder.cur, as: next))
    #expect(try quarantine.directory.status(of: next) == nil)
    // Opened again, it holds the same.
    var entries: [Quarantine.Entry] = []
    try Quarantine(stateDirectory: state.directory, account: "work").list { entries += $0 }
    #expect(entries.map(\.name) == [name])
  }

  @Test("Across file systems it is a copy with the same content and date")
  func copying() throws {
    guard let memory = try? DirectoryHandle.open(path: "/dev/shm") else { return }
    let place = try Place()
    let folder = try place.folder()
    guard try memory.status().identity.device != place.directory.status().identity.device else { return }
    let name = try #require(FileName("mailmirror-test-\(getpid())"))
    try memory.makeDirectory(name)
    defer { rmdir("/dev/shm/\(name)") }
    let away = try memory.openDirectory(name)
    let entry = try folder.deliver("Subject: a\n\nbody", at: 1_000_000)
    let quarantine = try Quarantine(stateDirectory: away, account: "work")
    defer {
      unlink("/dev/shm/\(name)/quarantine/work/5.kept")
      rmdir("/dev/shm/\(name)/quarantine/work")
      rmdir("/dev/shm/\(name)/quarantine")
    }
    let file = try #require(try folder.new.status(of: entry.name)).identity
    for _ in 0..<2 { #expect(try quarantine.keep(entry.name, file, from: folder.new, as: "5.kept")) }
    let kept = try #require(try quarantine.directory.status(of: "5.kept"))
    #expect(kept.modified == FileTime(seconds: 1_000_000))
    #expect(try MessageContent.reading(quarantine.directory.openFile("5.kept")) == folder.content(of: entry))
    var count = 0
    try quarantine.directory.forEachBatch { count += $0.count }
    #expect(count == 1)
  }

  @Test("Entries go after keep_deleted by when they came, not by their date; what is no entry stays")
  func purging() throws {
    let state = try Place()
    let quarantine = try Quarantine(stateDirectory: state.directory, account: "work")
    let clock = ManualClock(FileTime(seconds: 1_000_000))
    let old = Quarantine.newName(clock: clock.clock)
    clock.advance(seconds: 20 * 86400)
    let young = Quarantine.newName(clock: clock.clock)
    for name in [old.description, young.description, "note"] { try state.put("quarantine/work/" + name) }
    #expect(try quarantine.purge(olderThan: 30 * 86400, clock: clock.clock).isEmpty)
    clock.advance(seconds: 11 * 86400)
    #expect(try quarantine.purge(olderThan: 30 * 86400, clock: clock.clock) == [old])
    #expect(try state.names("quarantine/work") == [young.description, "note"].sorted())
  }
}
