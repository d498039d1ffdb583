import Testing

@testable import AccountWorker

/// When a pass over the account is over, whatever surveys come in between.
@Suite struct PassTrackerTests {
  private let tracker = PassTracker()

  @Test func aPassEndsWithTheLastOfItsTurns() {
    #expect(tracker.begin(10, [1: 3, 2: 4]) == nil)
    #expect(tracker.ended(1, turn: 3) == nil)
    #expect(tracker.ended(2, turn: 3) == nil)
    #expect(tracker.ended(2, turn: 5) == 10)
    #expect(tracker.ended(2, turn: 6) == nil)
  }

  @Test func aSurveyThatFindsNothingEndsEveryPass() {
    #expect(tracker.begin(10, [1: 3]) == nil)
    #expect(tracker.begin(20, [:]) == 20)
    #expect(tracker.ended(1, turn: 3) == nil)
  }

  @Test("Surveys that come faster than turns end keep no pass from its end")
  func laterSurveysDoNotStarveAPass() {
    #expect(tracker.begin(10, [1: 1, 2: 1]) == nil)
    #expect(tracker.begin(20, [1: 2, 2: 2]) == nil)
    #expect(tracker.ended(1, turn: 1) == nil)
    #expect(tracker.begin(30, [1: 2, 2: 2]) == nil)
    #expect(tracker.ended(2, turn: 1) == 10)
    #expect(tracker.ended(1, turn: 2) == nil)
    #expect(tracker.ended(2, turn: 2) == 30)
  }

  @Test func oneTurnMayEndTwoPasses() {
    #expect(tracker.begin(10, [1: 1]) == nil)
    #expect(tracker.begin(20, [1: 2]) == nil)
    #expect(tracker.ended(1, turn: 2) == 20)
  }
}
