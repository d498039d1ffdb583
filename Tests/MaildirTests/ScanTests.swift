import Glibc
import LinuxFiles
import MailModel
import Synchronization
import Testing

@testable import Maildir

private final class Stop: Sendable {
  private let state = Mutex(false)
  var isSet: Bool { state.withLock { $0 } }
  func set() { state.withLock { $0 = true } }
}

@Suite struct ScanTests {
  @Test("M1 while flags change, two scans together miss no message")
  func renames() async throws {
    let place = try Place()
    let folder = try place.folder()
    let count = 1500
    for number in 0..<count { try place.put("cur/\(number).x:2,") }
    let pool = DiskPool()
    let stop = Stop()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<2 {
        group.addTask {
          try await pool.run {
            var flagged = false
            while !stop.isSet {
              for number in stride(from: worker, to: count, by: 2) {
                let names = ["\(number).x:2,", "\(number).x:2,S"]
                let old = place.path + "/cur/" + names[flagged ? 1 : 0]
                rename(old, place.path + "/cur/" + names[flagged ? 0 : 1])
              }
              flagged.toggle()
            }
          }
        }
      }
      group.addTask {
        defer { stop.set() }
        try await pool.run {
          for _ in 0..<10 {
            var seen: Set<FileName> = []
            // A scan may miss what is renamed under it; absence is decided by several, and by looking for the name. Some
            // that were seen are looked for, too.
            for _ in 0..<2 { try folder.scan(withStatus: false) { seen.formUnion($0.map(\.parsed.base)) } }
            for number in 0..<count {
              guard let base = FileName("\(number).x"), number % 500 == 0 || !seen.contains(base) else { continue }
              #expect(try !folder.find(base: base).isEmpty)
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("M1 absence is told only of a folder that stands still")
  func still() throws {
    let place = try Place()
    let folder = try place.folder()
    try place.put("cur/1.x:2,")
    var (passes, isFlagged) = (0, false)
    func change() {
      let names = [place.path + "/cur/1.x:2,", place.path + "/cur/1.x:2,S"]
      rename(names[isFlagged ? 1 : 0], names[isFlagged ? 0 : 1])
      isFlagged.toggle()
    }
    let stoodStill = try folder.readStill {
      passes += 1
      change()
      return false
    }
    #expect(!stoodStill && passes == 20)

    passes = 0
    let endedStill = try folder.readStill {
      passes += 1
      if passes == 1 { change() }
      return false
    }
    #expect(endedStill && passes == 2)

    let other = Array("2.x".utf8)
    #expect(try folder.present([Array("1.x".utf8), other]) == [Array("1.x".utf8)])
    #expect(try folder.find(base: "2.x").isEmpty)
    var seen = SeenNames()
    #expect(try folder.files(besides: seen).map(\.parsed.base) == ["1.x"])
    seen.insert(Array("1.x".utf8))
    #expect(try folder.files(besides: seen).isEmpty)
  }

  @Test("M3 a change within the tick of a scan's time is not skipped")
  func ticks() throws {
    let place = try Place()
    let folder = try place.folder()
    let clock = ManualClock(try folder.cur.stamp().changed)
    let early = try folder.stamp(clock: clock.clock)
    #expect(!early.allowsSkipping(now: early))
    clock.advance(seconds: 2)
    #expect(!(try folder.stamp(clock: clock.clock)).allowsSkipping(now: early))
    clock.advance(seconds: 60)
    let late = try folder.stamp(clock: clock.clock)
    #expect(late.allowsSkipping(now: try folder.stamp(clock: clock.clock)))
    usleep(20_000)
    try place.put("new/1.x")
    #expect(!late.allowsSkipping(now: try folder.stamp(clock: clock.clock)))
  }

  @Test("M5 a file renamed since the scan is found again, and both changes survive")
  func refind() throws {
    let place = try Place()
    let folder = try place.folder()
    let entry = try folder.deliver("text")
    let base = entry.parsed.base.description
    rename(place.path + "/new/" + base, place.path + "/cur/" + base + ":2,FSz")
    let changed = try folder.changeFlags(of: entry) { $0.system.insert(.answered) }
    #expect(changed?.name.description == base + ":2,FRSz")
    #expect(try place.names("cur") == [base + ":2,FRSz"])
    #expect(try folder.changeFlags(of: try #require(changed)) { $0.system.insert(.seen) } == nil)
    unlink(place.path + "/cur/" + base + ":2,FRSz")
    #expect(throws: MaildirError.messageMissing(base: entry.parsed.base)) {
      try folder.changeFlags(of: entry) { $0.system.insert(.answered) }
    }
  }

  @Test("M5 a flag change never replaces a file that has the name already")
  func flagCollision() throws {
    let place = try Place()
    let folder = try place.folder()
    try place.put("new/1.x", "one")
    try place.put("cur/1.x:2,S", "other")
    let entry = try #require(try folder.everything().first { $0.subdirectory == .new })
    let error = #expect(throws: FileError.self) { try folder.changeFlags(of: entry) { $0.system.insert(.seen) } }
    #expect(error?.code == EEXIST)
    #expect(try place.text("new/1.x") == "one")
    #expect(try place.text("cur/1.x:2,S") == "other")
  }

  @Test("M9 copies beside each other are both seen")
  func copies() throws {
    let place = try Place()
    let folder = try place.folder()
    try place.put("cur/1.x:2,S", "same")
    try place.put("cur/1.x:2,FS", "same")
    try place.put("new/copy of 1", "same")
    #expect(try folder.everything().count == 3)
    #expect(try folder.find(base: "1.x").count == 2)
  }

  @Test("M11 FIFO, directory, dotfile, dangling and other links are ignored without blocking")
  func oddities() throws {
    let place = try Place()
    let folder = try place.folder()
    try place.put("cur/1.x:2,S")
    try place.put("cur/.hidden")
    mkfifo(place.path + "/cur/fifo", 0o600)
    mkdir(place.path + "/cur/directory", 0o700)
    symlink("/nowhere", place.path + "/cur/dangling")
    symlink("/etc/passwd", place.path + "/cur/outside")
    for withStatus in [true, false] {
      #expect(try folder.everything(withStatus: withStatus).map(\.name.description) == ["1.x:2,S"])
    }
    for name: FileName in ["fifo", "directory", "outside"] {
      #expect(throws: FileError.self) { try folder.cur.openFile(name) }
    }
  }

  @Test("M13 leftovers in tmp go after 36 hours and not before, whatever their date")
  func leftovers() throws {
    let place = try Place()
    let folder = try place.folder()
    let file = try folder.makeTemporary("left")
    try file.setModificationTime(seconds: 1)
    try place.put("tmp/wanted")
    let now = WallClock.system.now()
    let clock = ManualClock(now.adding(seconds: 35 * 3600))
    #expect(try folder.removeLeftovers(clock: clock.clock).isEmpty)
    clock.advance(seconds: 2 * 3600)
    #expect(try folder.removeLeftovers(clock: clock.clock) { $0 == "wanted" } == ["left"])
    #expect(try place.names("tmp") == ["wanted"])
  }

  @Test("A scan streams in bounded batches")
  func batches() throws {
    let place = try Place()
    let folder = try place.folder()
    for number in 0..<1000 { try place.put("cur/\(number)") }
    var sizes: [Int] = []
    try folder.scan(withStatus: true, batch: 64) { sizes.append($0.count) }
    #expect(sizes.reduce(0, +) == 1000)
    #expect(sizes.allSatisfy { $0 <= 64 })
  }
}
