import IMAPProtocol
import MailModel
import NIOCore
import Testing

@testable import AccountWorker

@Suite("The ladder of push")
struct PushLadderTests {
  private let others = [MailboxName("Shared/one")]

  @Test("NOTIFY is set once, and again when other mailboxes are to be told of")
  func notify() {
    var ladder = PushLadder(CapabilitySet(["IMAP4rev1", "IDLE", "NOTIFY"]))
    #expect(!ladder.tellsOfAll)
    #expect(ladder.request(others: []) == NotifyRequest())
    ladder.isSet(NotifyRequest())
    #expect(ladder.tellsOfAll && ladder.reason == nil)
    #expect(ladder.request(others: []) == nil)
    #expect(ladder.request(others: others) == NotifyRequest(others: others))
  }

  @Test("what is refused is not asked for again; after an overflow there is another try, later each time")
  func refusals() {
    var ladder = PushLadder(CapabilitySet(["IMAP4rev1", "IDLE", "NOTIFY"]))
    ladder.notifyRefused("not here")
    #expect(ladder.reason == "the server refuses NOTIFY: not here")
    #expect(ladder.request(others: []) == nil && ladder.nextTry == nil)
    ladder = PushLadder(CapabilitySet(["IMAP4rev1", "IDLE", "NOTIFY"]))
    var overflowed = ladder.overflowed()
    #expect(!overflowed)
    var before = NIODeadline.now()
    for _ in 0..<12 {
      ladder.isSet(NotifyRequest())
      overflowed = ladder.overflowed()
      #expect(overflowed)
      #expect(!ladder.tellsOfAll && ladder.request(others: []) == nil)
      let next = ladder.nextTry ?? .now()
      #expect(next > before)
      before = next - .milliseconds(1)
    }
    #expect(ladder.nextTry.map { $0 <= .now() + .hours(1) } == true)
  }

  @Test("a server without the one or the other")
  func lacks() {
    let ladder = PushLadder(CapabilitySet(["IMAP4rev1"]))
    #expect(ladder.request(others: []) == nil)
    #expect(ladder.reason == "the server has no NOTIFY")
    #expect(ladder.idleTrouble == "the server has no IDLE")
  }

  @Test("looks that the server's words ask for are had at once, and ever later where they find nothing")
  func toldSurveys() {
    var told = ToldSurveys()
    var pauses: [Int64] = []
    for _ in 0..<12 {
      pauses.append(((told.asked() - .now()).nanoseconds + 500_000_000) / 1_000_000_000)
      told.looked(foundSomething: false)
    }
    #expect(pauses == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
    told.looked(foundSomething: true)
    var due = told.asked()
    #expect(due <= .now())
    told.looked(foundSomething: false)
    told.looked(foundSomething: false)
    due = told.asked()
    #expect(due <= .now())
  }

  @Test("polls come closer while something happens, and part again")
  func pace() {
    func seconds(_ pace: PollPace) -> Int64 { pace.next(share: 0).nanoseconds / 1_000_000_000 }
    var pace = PollPace(interval: .seconds(300))
    #expect(seconds(pace) == 300)
    pace.looked(foundNews: true)
    #expect(seconds(pace) == 30)
    let further = [60, 120, 240, 300, 300] as [Int64]
    for expected in further {
      pace.looked(foundNews: false)
      #expect(seconds(pace) == expected)
    }
    #expect(pace.next(share: 1) == .seconds(270))
    var fast = PollPace(interval: .seconds(2))
    fast.looked(foundNews: true)
    #expect(seconds(fast) == 1)
  }
}

@Suite("What a server tells of mailboxes", .timeLimit(.minutes(1)))
struct ServerNoticesTests {
  private let notices = ServerNotices(
    signal: WakeSignal(), selection: MailboxSelection(subscribedOnly: false) { name, _ in name != MailboxName("Spam") })

  private func status(messages: UInt32? = nil, uidNext: UInt32? = nil, modSequence: UInt64? = nil) -> MailboxStatus {
    var status = MailboxStatus()
    (status.messages, status.uidNext) = (messages, uidNext)
    status.highestModSequence = modSequence.flatMap(ModSequence.init)
    return status
  }

  @Test("of each mailbox what was said last, where only what changed is said")
  func merged() {
    let name = MailboxName("Other")
    notices.receive(.status(name, status(messages: 3, uidNext: 7, modSequence: 9)))
    notices.receive(.status(name, status(modSequence: 12)))
    #expect(notices.takeStatuses() == [name: status(messages: 3, uidNext: 7, modSequence: 12)])
    #expect(notices.takeStatuses().isEmpty && !notices.hasRest)
  }

  @Test("what is told while a mailbox is under way is looked at afterwards")
  func deferred() {
    let name = MailboxName("Other")
    notices.postpone(status(messages: 3, modSequence: 9), of: 5, named: name)
    notices.receive(.status(name, status(modSequence: 10)))
    notices.settled(5)
    #expect(notices.takeStatuses() == [name: status(messages: 3, modSequence: 10)])
    notices.settled(5)
    #expect(notices.takeStatuses().isEmpty)
  }

  @Test("mailboxes that come and go are a survey's matter where they are mirrored, and so is all that is lost")
  func surveys() {
    notices.receive(.listed(ListEntry(name: MailboxName("Spam"), delimiter: nil, attributes: ["\\NonExistent"])))
    #expect(!notices.hasRest)
    notices.receive(.listed(ListEntry(name: MailboxName("New"), delimiter: nil)))
    #expect(notices.takeRest().wantsSurvey)
    notices.receive(.gap)
    #expect(notices.takeRest().wantsSurvey)
    notices.receive(.overflow)
    let rest = notices.takeRest()
    #expect(rest.wantsSurvey && rest.hasOverflowed && !rest.isOfSelected)
  }
}
