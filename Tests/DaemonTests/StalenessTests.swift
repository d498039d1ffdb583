import AccountWorker
import Testing

@testable import Daemon

@Suite("Accounts that are not current")
struct StalenessTests {
  private func status(_ activity: AccountStatus.Activity) -> AccountStatus {
    var status = AccountStatus(name: "work")
    status.activity = activity
    return status
  }

  @Test("told once after the bound, and once when it is over; neither a pause nor the machine's sleep counts")
  func bounds() {
    var watch = StalenessWatch()
    let start = SuspendingClock.Instant.now
    func look(_ activity: AccountStatus.Activity, _ second: Int) -> [StalenessWatch.News] {
      watch.look(
        at: [(status(activity), .seconds(60))], now: start + .seconds(second), time: 1_000 + Int64(second))
    }
    #expect(look(.starting, 0) == [] && look(.connecting, 60) == [])
    #expect(look(.waiting, 61) == [.stale(account: "work", since: 1_000)] && watch.since("work") == 1_000)
    #expect(look(.waiting, 500) == [])
    #expect(look(.idle, 501) == [.currentAgain(account: "work")] && watch.since("work") == nil)
    #expect(look(.paused, 900) == [] && look(.connecting, 955) == [] && look(.syncing, 990) == [])
    #expect(look(.waiting, 1_049) == [] && look(.waiting, 1_051) == [.stale(account: "work", since: 1_990)])
  }

  @Test func theBoundIsThreePollsAndAQuarterOfAnHourAtMost() {
    let bounds = [1, 60, 300, 3_600].map { StalenessWatch.bound(pollInterval: .seconds($0)) }
    #expect(bounds == [.seconds(5), .seconds(180), .seconds(900), .seconds(900)])
  }
}
