import LinuxFiles
import NIOCore
import Testing

@testable import AccountWorker

@Suite("A worker's signs of life")
struct LifeSignsTests {
  @Test("a loop that does nothing for long hangs; one that waits on purpose, or goes on, does not")
  func hangs() {
    var proofs = LifeSigns()
    let start = SuspendingClock.Instant.now
    func proves(_ isWaiting: Bool, _ signs: UInt64, _ second: Int) -> Bool {
      proofs.proves(isWaiting: isWaiting, signs: signs, at: start + .seconds(second))
    }
    #expect(proves(false, 1, 0) && proves(false, 1, 900) && !proves(false, 1, 901))
    #expect(proves(false, 2, 1_000) && proves(false, 2, 1_500) && proves(true, 2, 9_000))
    #expect(proves(false, 2, 9_030) && !proves(false, 2, 9_931))
  }

  @Test("one of several loops that hangs is named, until it goes on or ends")
  func named() async {
    let loops = SupervisedLoops()
    let start = SuspendingClock.Instant.now
    let (begins, begin) = AsyncStream<Void>.makeStream()
    let (quiet, endQuiet) = AsyncStream<Void>.makeStream()
    let (waiting, endWaiting) = AsyncStream<Void>.makeStream()
    await withDiscardingTaskGroup { group in
      group.addTask {
        await loops.run("quiet") {
          begin.yield()
          for await _ in quiet {}
        }
      }
      group.addTask {
        await loops.run("waiting") {
          await Pulse.waiting {
            begin.yield()
            for await _ in waiting {}
          }
        }
      }
      var both = begins.makeAsyncIterator()
      await both.next()
      await both.next()
      #expect(loops.hung(at: start).isEmpty && loops.hung(at: start + .seconds(900)).isEmpty)
      #expect(loops.hung(at: start + .seconds(901)) == ["quiet"])
      endQuiet.finish()
      endWaiting.finish()
    }
    #expect(loops.hung(at: start + .seconds(9_000)).isEmpty)
  }

  @Test("a wait whose time is over is none any more")
  func overdue() async {
    let pulse = Pulse()
    await Pulse.$current.withValue(pulse) {
      let now = NIODeadline.now()
      await Pulse.waiting(until: now + .seconds(5)) {
        #expect(pulse.isWaiting(at: now) && !pulse.isWaiting(at: now + .seconds(6)))
      }
      #expect(!pulse.isWaiting(at: now))
    }
  }

  @Test("slow work shows that it goes on: each piece that a disk thread reads, each octet of a connection")
  func progress() async throws {
    let pulse = Pulse()
    try await Pulse.$current.withValue(pulse) {
      let before = pulse.signs
      try await DiskPool(threads: 1).run {
        let root = try DirectoryHandle.open(path: "/")
        try root.forEachBatch(of: 1) { _ in }
      }
      #expect(pulse.signs > before + 5)
      let octets = pulse.signs
      await Pulse.counting({ 1_000 }) { #expect(pulse.signs == octets + 1_000) }
    }
  }
}
