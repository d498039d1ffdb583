import Glibc
import LinuxFiles
import Synchronization
import Testing

@Suite struct StepTests {
  @Test("Rules are read as written and refused otherwise")
  func rules() throws {
    let typical = try #require(Faults.Rule("7:error"))
    #expect(typical.site == nil && typical.number == 7 && !typical.fromThenOn && typical.action == .error(nil))
    let named = try #require(Faults.Rule("rename.publish#2+:ENOSPC"))
    #expect(named.site == "rename.publish" && named.number == 2 && named.fromThenOn && named.action == .error(ENOSPC))
    #expect(Faults.Rule("3:exit")?.action == .exit)
    for bad in ["", "x", "0:exit", "-1:exit", "rename#:EIO", "nosite#1:EIO", "1:EWHAT", "99999999999999999999:exit"] {
      #expect(Faults.Rule(bad) == nil, "\(bad)")
    }
  }

  @Test("A rule fires at its pass, or from it on")
  func counting() throws {
    func outcomes(_ rule: String) -> [Int32] {
      let faults = Faults(Faults.Rule(rule))
      return Step.$faults.withValue(faults) {
        [Step.Site.write, .rename, .write, .write].map { site in
          do {
            try Step.pass(site, site == .rename ? "publish" : "")
            return 0
          } catch { return (error as? FileError)?.code ?? -1 }
        }
      }
    }
    #expect(outcomes("write#2:error") == [0, 0, ENOSPC, 0])
    #expect(outcomes("write#2+:EDQUOT") == [0, 0, EDQUOT, EDQUOT])
    #expect(outcomes("2:error") == [0, EIO, 0, 0])
    #expect(outcomes("rename.publish#1:EROFS") == [0, EROFS, 0, 0])
    #expect(outcomes("rename.flags#1:EROFS") == [0, 0, 0, 0])
  }

  @Test("Passes are counted across threads, and faults follow the work onto them")
  func threads() async throws {
    let pool = DiskPool()
    let faults = Faults()
    try await Step.$faults.withValue(faults) {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<20 { group.addTask { try await pool.run { for _ in 0..<50 { try Step.pass(.write) } } } }
        try await group.waitForAll()
      }
    }
    #expect(faults.count == 1000)
    #expect(faults.passed.count == 1000)
  }

  @Test("A lane keeps the order in which closures were submitted")
  func lane() async throws {
    let pool = DiskPool(threads: 4)
    let lanes = (0..<3).map { _ in pool.makeLane() }
    let seen = Mutex<[[Int]]>([[], [], []])
    for number in 0..<2000 {
      for (index, lane) in lanes.enumerated() { lane.submit { seen.withLock { $0[index].append(number) } } }
    }
    for lane in lanes { try await lane.run {} }
    #expect(seen.withLock { $0 } == Array(repeating: Array(0..<2000), count: 3))
  }
}
