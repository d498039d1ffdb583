import MailModel
import Testing

@testable import AccountWorker
@testable import SyncState

@Suite("The queue of dirty mailboxes")
struct WorkQueueTests {
  private func work(_ id: Int64, forgets: Bool = false) -> RoundWork {
    RoundWork(
      record: MailboxRecord(
        id: id, name: MailboxName("box \(id)"), delimiter: nil, folder: "\(id)", uidValidity: nil, checkpoint: nil,
        lastSuccess: nil, unlisted: 0, problem: nil, localNew: 0, scan: nil, specialUse: nil, isReadOnly: false),
      specialUse: nil, location: "test/box \(id)", forgetsCheckpoint: forgets)
  }

  private func next(_ queue: WorkQueue, waits: Bool = false, patience: Duration? = .zero) async -> (Int64, Int)? {
    guard
      case .work(let work, let turn) = await queue.next(
        waitsForOthers: waits, hasConnection: false, patience: patience)
    else { return nil }
    return (work.record.id, turn)
  }

  @Test("a mailbox is under way once at a time; what comes meanwhile is another turn")
  func oneAtATime() async throws {
    let queue = WorkQueue(lanes: 2)
    #expect(await queue.add(work(1)) == 1)
    #expect(await queue.add(work(1)) == 1)
    #expect(try #require(await next(queue)) == (1, 1))
    #expect(await queue.add(work(1, forgets: true)) == 2)
    #expect(await next(queue) == nil)
    await queue.finished(work(1))
    guard case .work(let again, 2) = await queue.next(waitsForOthers: false, hasConnection: false) else {
      Issue.record("no second turn")
      return
    }
    #expect(again.forgetsCheckpoint)
    await queue.finished(work(1))
    #expect(await queue.isIdle)
  }

  @Test("reserved mailboxes are left alone until they are released")
  func reserved() async throws {
    let queue = WorkQueue(lanes: 1)
    #expect(await queue.reserve(1))
    #expect(await !queue.reserve(1))
    await queue.add(work(1))
    #expect(await next(queue) == nil)
    await queue.release(1)
    #expect(try #require(await next(queue)).0 == 1)
    #expect(await !queue.reserve(1))
  }

  @Test("work wakes a sleeper; closing, stopping and cancelling end it", .timeLimit(.minutes(1)))
  func sleepers() async throws {
    let queue = WorkQueue(lanes: 1)
    async let taken = next(queue, patience: nil)
    try await Task.sleep(for: .milliseconds(20))
    await queue.add(work(7))
    #expect(await taken?.0 == 7)
    let cancelled = Task { await next(queue, patience: nil) == nil }
    try await Task.sleep(for: .milliseconds(20))
    cancelled.cancel()
    #expect(await cancelled.value)
    async let ended = next(queue, patience: nil)
    try await Task.sleep(for: .milliseconds(20))
    await queue.close()
    #expect(await ended == nil)
  }

  @Test("the first of a closed queue waits for work that others give back", .timeLimit(.minutes(1)))
  func givenBack() async throws {
    let queue = WorkQueue(lanes: 2)
    await queue.add(work(1))
    await queue.close()
    #expect(try #require(await next(queue)) == (1, 1))
    async let first = next(queue, waits: true, patience: nil)
    try await Task.sleep(for: .milliseconds(20))
    await queue.giveBack(work(1))
    #expect(try #require(await first) == (1, 2))
  }

  @Test("the watching connection gets work only when no other can do it")
  func watch() async {
    let queue = WorkQueue(lanes: 1)
    await queue.add(work(1))
    #expect(await queue.nextForWatch() == nil)
    await queue.lanesRefused()
    #expect(await next(queue) == nil)
    guard case .work(let taken, 1)? = await queue.nextForWatch() else {
      Issue.record("nothing")
      return
    }
    #expect(taken.record.id == 1)
    await queue.finished(taken)
    await queue.laneOpened()
    await queue.add(work(2))
    #expect(await queue.nextForWatch() == nil)
  }
}
