import ControlProtocol
import Daemon
import Testing

@Suite struct ChangeBurstTests {
  private let start = SuspendingClock.now

  @Test func aBurstIsOverAfterHalfASecondOfQuiet() {
    var burst = ChangeBurst()
    #expect(burst.due == nil && burst.take(at: start + .seconds(60)) == nil)
    burst.add([change(1)], at: start)
    burst.add([change(2)], at: start + .milliseconds(400))
    #expect(burst.due == start + .milliseconds(900))
    #expect(burst.take(at: start + .milliseconds(899)) == nil)
    #expect(burst.take(at: start + .milliseconds(900))?.changes == [change(1), change(2)])
    #expect(burst.due == nil && burst.take(at: start + .seconds(60)) == nil)
  }

  @Test func aStreamWithoutPausesIsCutAfterFiveSeconds() {
    var burst = ChangeBurst()
    var runs: [Int] = []
    for tenth in 0..<120 {
      let now = start + .milliseconds(tenth * 100)
      if let settled = burst.take(at: now) { runs.append(settled.changes.count) }
      burst.add([change(UInt32(tenth + 1))], at: now)
    }
    #expect(runs == [50, 50])
    #expect(burst.due == start + .milliseconds(11_900 + 500))
  }

  @Test func aCallWithoutChangesStartsNothing() {
    var burst = ChangeBurst()
    burst.add([], at: start)
    #expect(burst.due == nil)
    burst.add([change()], at: start)
    burst.add([], at: start + .milliseconds(300))
    #expect(burst.due == start + .milliseconds(500))
  }

  @Test func whatIsAboveTheCapacityIsCounted() {
    var burst = ChangeBurst()
    let more = 123
    burst.add((0..<ChangeBurst.capacity + more).map { change(UInt32($0 + 1), $0 % 2 == 0 ? .new : .gone) }, at: start)
    burst.add([change(1, .moved, in: "Late")], at: start)
    let settled = burst.take(at: start + .seconds(1))
    #expect(settled?.changes.count == ChangeBurst.capacity && settled?.changes.first == change(1))
    #expect(settled?.omitted == more + 1)
    #expect(settled?.counts == [.new: 5062, .gone: 5061, .moved: 1])
    #expect(settled?.mailboxes == ["INBOX", "Late"])
  }
}
