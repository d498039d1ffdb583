import Synchronization
import Testing

@testable import Daemon

@Suite("Sleep by two clocks")
struct SuspendClockTests {
  @Test("only what was slept since the last look counts, and no jitter of reading")
  func gaps() {
    let slept = Mutex(100.0)
    var clock = SuspendClock { slept.withLock { $0 } }
    let looks = [100.0, 100.4, 160, 160, 160.2, 162].map { now in
      slept.withLock { $0 = now }
      return clock.hasSlept()
    }
    #expect(looks == [false, false, true, false, false, true])
  }
}
