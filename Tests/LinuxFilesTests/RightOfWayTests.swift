import NIOCore
import Testing

@testable import LinuxFiles

@Suite struct RightOfWayTests {
  /// When a bulk thread comes to run something that it is given now.
  private func moment(_ way: RightOfWay) async throws -> NIODeadline {
    try await DiskPool(threads: 1, givesWayIn: way).run { NIODeadline.now() }
  }

  @Test func bulkWaitsUntilTheLastClaimIsGivenBack() async throws {
    let way = RightOfWay()
    let (one, other) = (way.makeClaim(), way.makeClaim())
    let taken = NIODeadline.now()
    one.take()
    one.take()
    other.take()
    #expect(way.isClaimedNow)
    async let began = moment(way)
    one.give()
    try await Task.sleep(for: .milliseconds(40))
    let given = NIODeadline.now()
    other.give()
    let moment = try await began
    // On a slow machine they may have run out before.
    #expect(moment >= given || moment - taken > .milliseconds(200))
    #expect(!way.isClaimedNow)
  }

  @Test func aClaimThatNobodyGivesBackRunsOut() async throws {
    let way = RightOfWay()
    let claim = way.makeClaim()
    let taken = NIODeadline.now()
    claim.take()
    #expect(try await moment(way) - taken > .milliseconds(200))
    claim.give()
  }

  @Test func aClaimEndsWithItsOwner() async throws {
    let way = RightOfWay()
    do {
      let claim = way.makeClaim()
      claim.take()
    }
    #expect(!way.isClaimedNow)
  }

  @Test func claimsWithoutEndLeaveBulkAShare() async throws {
    let way = RightOfWay()
    let claim = way.makeClaim()
    let taking = Task {
      while !Task.isCancelled {
        claim.take()
        try await Task.sleep(for: .milliseconds(5))
      }
    }
    for _ in 0..<3 { _ = try await moment(way) }
    taking.cancel()
  }
}
