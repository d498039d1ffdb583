import Testing

@testable import AccountWorker

/// Whether a pass has seen all that there was although messages were somewhere for a moment only.
@Suite struct PassersByTests {
  private static let second: Int64 = 1_000_000_000
  private var passersBy = PassersBy()

  private mutating func isConclusive(from began: Int64, to end: Int64) -> Bool {
    passersBy.isConclusive(began * Self.second, now: end * Self.second)
  }

  @Test mutating func withoutSignsEachPassIsConclusive() {
    #expect(isConclusive(from: 100, to: 101))
    passersBy.note(at: 99 * Self.second)
    #expect(isConclusive(from: 100, to: 101))
  }

  @Test("A pass is put off however long it took; the next one is conclusive")
  mutating func onlyALaterPassIsConclusive() {
    passersBy.note(at: 200 * Self.second)
    #expect(!isConclusive(from: 100, to: 201))
    #expect(isConclusive(from: 202, to: 203))
  }

  @Test("Where the signs go on, one that began 10 s after the first that was put off is conclusive")
  mutating func patienceEnds() {
    for end: Int64 in [101, 105, 111] {
      passersBy.note(at: end * Self.second)
      #expect(!isConclusive(from: end - 1, to: end))
    }
    passersBy.note(at: 113 * Self.second)
    #expect(isConclusive(from: 112, to: 113))
    passersBy.note(at: 115 * Self.second)
    #expect(!isConclusive(from: 114, to: 115))
  }

  @Test("Where nothing was put off since, patience begins anew")
  mutating func patienceIsOfPassesInARow() {
    passersBy.note(at: 100 * Self.second)
    #expect(!isConclusive(from: 99, to: 101))
    passersBy.nothingPutOff()
    passersBy.note(at: 200 * Self.second)
    #expect(!isConclusive(from: 199, to: 201))
  }

  @Test("What was looked at once is no news again, also where the mailbox's checkpoint stays")
  mutating func aHoleIsOneSign() {
    #expect(passersBy.firstNews(of: 1, known: 5, next: 9) == 5)
    passersBy.noteSeen(1, next: 9)
    #expect(passersBy.firstNews(of: 1, known: 5, next: 9) == 9)
    #expect(passersBy.firstNews(of: 1, known: 5, next: 12) == 9)
    #expect(passersBy.firstNews(of: 1, known: 11, next: 12) == 11)
    #expect(passersBy.firstNews(of: 2, known: 5, next: 9) == 5)
    #expect(passersBy.firstNews(of: 1, known: 1, next: 3) == 1)
  }

  @Test("After the clock was set back old signs put nothing off; a pass that it was set back in is none")
  mutating func aClockThatWasSetBack() {
    passersBy.note(at: 200 * Self.second)
    #expect(!isConclusive(from: 190, to: 201))
    #expect(!isConclusive(from: 202, to: 100))
    #expect(isConclusive(from: 101, to: 102))
    passersBy.note(at: 104 * Self.second)
    #expect(!isConclusive(from: 103, to: 105))
    #expect(isConclusive(from: 106, to: 107))
  }
}
