import Testing

@testable import AccountWorker

/// What is copied between two mailboxes again and again is not looked for as a move; one move ends that.
@Suite struct CopyHabitsTests {
  private let habits = CopyHabits()
  private let pair = CopyHabits.Pair(source: 1, target: 2)

  @Test func threeCopiesInARowAreAHabit() {
    for _ in 1...2 { habits.note(pair, isMove: false) }
    #expect(!habits.isHabit(pair))
    habits.note(pair, isMove: false)
    #expect(habits.isHabit(pair))
    #expect(!habits.isHabit(CopyHabits.Pair(source: 2, target: 1)))
  }

  @Test func aMoveEndsIt() {
    for _ in 1...5 { habits.note(pair, isMove: false) }
    habits.note(pair, isMove: true)
    #expect(!habits.isHabit(pair))
    for _ in 1...2 { habits.note(pair, isMove: false) }
    #expect(!habits.isHabit(pair))
  }
}
