import Testing

@testable import AccountWorker

@Suite("A worker's signs of life")
struct LifeSignsTests {
  @Test("one that is busy and does nothing for long hangs; one that sleeps, or goes on, does not")
  func hangs() {
    var proofs = LifeSigns()
    let start = SuspendingClock.Instant.now
    func proves(_ isBusy: Bool, _ signs: UInt64, _ second: Int) -> Bool {
      proofs.proves(isBusy: isBusy, signs: signs, at: start + .seconds(second))
    }
    #expect(proves(true, 1, 0) && proves(true, 1, 1_800) && !proves(true, 1, 1_801))
    #expect(proves(true, 2, 1_900) && proves(true, 2, 3_000) && proves(false, 2, 9_000))
    #expect(proves(true, 2, 9_030) && !proves(true, 2, 10_900))
  }
}
