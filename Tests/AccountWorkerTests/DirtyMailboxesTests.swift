import NIOPosix
import Testing

@testable import AccountWorker

struct DirtyMailboxesTests {
  @Test func theyAreTakenInTheirOrderButThePreferredOneFirst() {
    let dirty = DirtyMailboxes(signal: WakeSignal())
    dirty.mark(1, .server)
    dirty.mark(2, .folder)
    dirty.mark(3, .server)
    dirty.mark(1, .folder)
    #expect(dirty.take(preferring: 3)?.mailbox == 3)
    let first = dirty.take(preferring: 3)
    #expect(first?.mailbox == 1)
    #expect(first?.reasons == [.server, .folder])
    #expect(dirty.take(preferring: nil)?.mailbox == 2)
    #expect(dirty.take(preferring: 2) == nil)
  }

  @Test func whatLostMessagesComesBeforeWhatMayHaveGotThem() {
    let dirty = DirtyMailboxes(signal: WakeSignal())
    dirty.mark(1, .server)
    dirty.mark(2, [.server, .losses])
    #expect(dirty.take(preferring: 1)?.mailbox == 2)
    #expect(dirty.take(preferring: 1)?.mailbox == 1)
  }

  @Test func aReasonThatIsClearedLeavesTheOther() {
    let dirty = DirtyMailboxes(signal: WakeSignal())
    dirty.mark(1, .server)
    dirty.mark(2, [.server, .folder])
    dirty.clear(.server)
    #expect(dirty.take(preferring: nil)?.mailbox == 2)
    #expect(dirty.take(preferring: nil) == nil)
  }

  @Test func aMarkEndsASleep() async {
    let signal = WakeSignal()
    let dirty = DirtyMailboxes(signal: signal)
    async let reasons = signal.sleep(until: .distantFuture, on: MultiThreadedEventLoopGroup.singleton.next())
    dirty.mark(7, .folder)
    #expect(await reasons == .dirty)
  }
}
