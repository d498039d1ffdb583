import Testing

@testable import AccountWorker

/// Since when all folders of an account are known to have been looked at, by surveys and by turns.
@Suite struct AccountLooksTests {
  private var looks = AccountLooks()

  @Test mutating func aSurveyThatLooksAtAllIsComplete() {
    looks.looked(at: 1, began: 11, now: 11)
    looks.looked(at: 2, began: 12, now: 12)
    #expect(looks.complete == nil)
    looks.surveyed([1, 2], began: 10, now: 13, isAwaited: true)
    #expect(looks.complete == 10)
    #expect(looks.surveyed == 10)
    #expect(looks.incomplete == 0)
    #expect(looks.takeAdvance() == nil)
  }

  @Test("What was under way is looked at by its turn, and that makes the survey's scan complete")
  mutating func aTurnCompletesASurvey() {
    surveyAll(at: 10)
    looks.looked(at: 1, began: 51, now: 51)
    looks.surveyed([1, 2], began: 50, now: 52, isAwaited: true)
    #expect(looks.complete == 11)
    #expect(looks.incomplete == 1)
    looks.looked(at: 2, began: 70, now: 70)
    #expect(looks.complete == 50)
    #expect(looks.surveyed == 11)
    #expect(looks.incomplete == 0)
    #expect(looks.takeAdvance() == 11..<50)
    #expect(looks.takeAdvance() == nil)
  }

  @Test("A turn that looked before a survey says nothing of the time since")
  mutating func anOlderLookCounts() {
    surveyAll(at: 10)
    looks.looked(at: 2, began: 30, now: 30)
    #expect(looks.complete == 10)
    looks.looked(at: 1, began: 51, now: 51)
    looks.surveyed([1, 2], began: 50, now: 52, isAwaited: true)
    #expect(looks.complete == 30)
    #expect(looks.incomplete == 1)
  }

  @Test("Looks by turns alone miss a folder that was made since the last survey")
  mutating func onlyASurveyKnowsTheFolders() {
    surveyAll(at: 10)
    looks.looked(at: 1, began: 60, now: 60)
    looks.looked(at: 2, began: 60, now: 60)
    #expect(looks.complete == 10)
  }

  @Test mutating func aFolderThatWasNeverLookedAtIsAwaited() {
    surveyAll(at: 10)
    looks.looked(at: 1, began: 51, now: 51)
    looks.looked(at: 2, began: 52, now: 52)
    looks.surveyed([1, 2, 3], began: 50, now: 53, isAwaited: true)
    #expect(looks.complete == 10)
    looks.looked(at: 3, began: 60, now: 60)
    #expect(looks.complete == 50)
  }

  @Test mutating func aFolderThatIsGoneKeepsNothingWaiting() {
    surveyAll(at: 10)
    looks.looked(at: 1, began: 51, now: 51)
    looks.surveyed([1], began: 50, now: 52, isAwaited: true)
    #expect(looks.complete == 50)
  }

  @Test("A clock that was set back makes no old look a new one")
  mutating func aClockThatWasSetBack() {
    surveyAll(at: 1_000)
    looks.looked(at: 1, began: 40, now: 41)
    #expect(looks.complete == nil, "a file that is missing since 40 has not been looked for since")
    looks.looked(at: 1, began: 51, now: 51)
    looks.surveyed([1, 2], began: 50, now: 52, isAwaited: true)
    #expect(looks.incomplete == 1)
    looks.looked(at: 2, began: 60, now: 60)
    #expect(looks.complete == 50)
  }

  @Test mutating func whatNobodyWaitsForIsNotCounted() {
    surveyAll(at: 10)
    looks.looked(at: 1, began: 51, now: 51)
    looks.surveyed([1, 2], began: 50, now: 52, isAwaited: false)
    looks.surveyed([1, 2], began: 60, now: 62, isAwaited: false)
    #expect(looks.incomplete == 0)
  }

  private mutating func surveyAll(at time: Int64) {
    looks.looked(at: 1, began: time + 1, now: time + 1)
    looks.looked(at: 2, began: time + 1, now: time + 1)
    looks.surveyed([1, 2], began: time, now: time + 2, isAwaited: true)
  }
}
