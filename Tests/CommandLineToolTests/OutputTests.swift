import CommandLineTool
import Configuration
import ControlProtocol
import Synchronization
import Testing

@Suite struct ProgressTests {
  @Test(arguments: [20, 40, 79, 80, 200], ["work", "a-very-long-name-for-an-account", "日本語"])
  func aBarFitsTheTerminal(width: Int, name: String) {
    for done in [0, 1, 6200, 10000] {
      var progress = AccountProgress(
        account: name, mailbox: "Lists/ein sehr langer Name 日本語日本語日本語", messagesDone: done, messagesTotal: 10000,
        octets: 358_000_000)
      #expect(columns(progress.bar(width: width, nameWidth: 20)) <= width)
      progress.isDone = true
      #expect(columns(progress.bar(width: width, nameWidth: 20)) <= width)
    }
  }

  @Test func barAndPlainLine() {
    let progress = AccountProgress(
      account: "work", mailbox: "Lists/swift", messagesDone: 6200, messagesTotal: 10000, octets: 358_000_000)
    #expect(
      progress.bar(width: 79, nameWidth: 4)
        == "work  [██████████████░░░░░░░░░░]   62 %  6200/10000  358 MB  Lists/swift")
    #expect(progress.plain == "work: 6200 of 10000 messages, 358 MB, at Lists/swift")
    #expect(
      AccountProgress(account: "work", mailbox: "Sent", sent: 3, toSend: 12).plain
        == "work: sent 3 of 12 messages, at Sent")
    #expect(
      AccountProgress(account: "work", messagesDone: 1, messagesTotal: 2, octets: 10, sent: 3, toSend: 12).plain
        == "work: 1 of 2 messages, 10 B, sent 3 of 12 messages")
    let sending = AccountProgress(account: "work", mailbox: "Sent", sent: 3, toSend: 12).bar(width: 60, nameWidth: 4)
    #expect(sending.contains("25 %  sent 3/12"))
    #expect(!sending.contains("connecting"))
    #expect(AccountProgress(account: "work").plain == "work: connecting")
  }

  private final class Written: Sendable {
    let text = Mutex("")
    let time = Mutex(ContinuousClock.now)
  }

  @Test func withoutATerminalThereAreFewPlainLines() {
    let written = Written()
    let display = ProgressDisplay(
      accounts: ["work"], terminal: Terminal(width: nil, hasColour: false), now: { written.time.withLock { $0 } },
      write: { text in written.text.withLock { $0 += text } })
    for done in 0..<100 {
      display.update(AccountProgress(account: "work", messagesDone: done, messagesTotal: 100))
      written.time.withLock { $0 += .milliseconds(100) }
    }
    display.finish()
    #expect(written.text.withLock { $0 } == "work: 50 of 100 messages\n")
  }

  @Test func onATerminalBarsAreRedrawnAndTakenAway() {
    let written = Written()
    let display = ProgressDisplay(
      accounts: ["a", "b"], terminal: Terminal(width: 80, hasColour: true), now: { written.time.withLock { $0 } },
      write: { text in written.text.withLock { $0 += text } })
    display.update(AccountProgress(account: "a", messagesDone: 1, messagesTotal: 2))
    display.update(AccountProgress(account: "a", messagesDone: 2, messagesTotal: 2))
    #expect(written.text.withLock { $0.filter { $0 == "\n" }.count } == 2)
    display.finish()
    #expect(written.text.withLock { $0.hasSuffix("\u{1B}[2A\r\u{1B}[J") })
  }
}

@Suite struct ReportTests {
  private let report = StatusReport(accounts: [
    .init(
      name: "work", state: .failing, lastSuccess: "2026-02-01T09:30:00Z",
      error: .init(what: "the login was refused", remedy: "check user and password", nextTry: "2026-02-01T09:35:00Z"),
      mailboxes: [
        .init(name: "INBOX", folder: ".", state: .ok, messages: 1200, unseen: 3),
        .init(
          name: "Entwürfe", folder: ".Entwürfe", state: .held, messages: 7, pendingLocal: 2, reason: "too many"),
      ],
      holds: [
        .init(
          hold: "work:3", mailbox: "Entwürfe", what: "40 messages gone from the server", messages: 40,
          reason: "40 of 47", since: "2026-02-01T09:00:00Z")
      ],
      quarantined: 1)
  ])

  @Test func statusForAPerson() {
    #expect(
      report.lines(Terminal(width: 80, hasColour: false)) == [
        "work: failing, last success 2026-02-01T09:30:00Z",
        "  the login was refused; check user and password",
        "  next try 2026-02-01T09:35:00Z",
        "  mailbox   messages  unseen  pending  state",
        "  INBOX         1200       3        0  ok",
        "  Entwürfe         7       -        2  held",
        "  Entwürfe: too many",
        "  held: work:3, Entwürfe, since 2026-02-01T09:00:00Z: 40 messages gone from the server: 40 of 47",
        "  mailmirror holds tells what approve and reject would do",
        "  1 message in quarantine",
      ])
    #expect(report.exitStatus == .failed)
    let held = StatusReport(accounts: [.init(name: "a", state: .held, holds: report.accounts[0].holds)])
    #expect(held.exitStatus == .waiting)
  }

  @Test func statusForAScript() throws {
    let text = try jsonText(StatusReport(accounts: [.init(name: "a", state: .new)]))
    #expect(text.contains("\"name\" : \"a\"") && text.contains("\"state\" : \"new\""))
  }

  @Test("S27 what a server says can't steer the terminal") func printableText() {
    #expect(printable("a\u{1B}[31m\u{202E}b\r\n\u{9B}c") == "a?[31m?b??" + "?c")
    #expect(printable(String(repeating: "x", count: 1_000_000)).count == 303)
  }

  @Test func aTableFitsTheTerminal() {
    var table = TextTable([.init("mailbox"), .init("n", isNumber: true)])
    table.rows = [[String(repeating: "日本", count: 60), "12345"], ["a", "1"]]
    for line in table.lines(width: 40) { #expect(columns(line) <= 40) }
  }

  @Test func quantities() {
    #expect(
      [0, 999, 1000, 8400, 99_960, 578_000_000, 1_500_000_000_000].map { sizeText($0) }
        == ["0 B", "999 B", "1.0 kB", "8.4 kB", "100 kB", "578 MB", "1.5 TB"])
    #expect(timestamp(1_769_938_200) == "2026-02-01T09:30:00Z")
  }

  @Test func syncAndVerify() {
    var sync = SyncResult(account: "work")
    #expect(sync.lines == ["work: nothing new"])
    sync.delivered = 120
    sync.octets = 6_200_000
    sync.flagsChanged = 1
    sync.quarantined = 2
    sync.mailboxes = 14
    sync.holds = 1
    #expect(
      sync.lines == [
        "work: 120 new messages (6.2 MB), 1 flag change, 2 removed to quarantine, 14 mailboxes, 1 hold waiting for "
          + "you: see mailmirror holds"
      ])
    let verify = VerifyResult(
      account: "work",
      mailboxes: [.init(name: "work/INBOX", onServer: 3, inState: 3, inFolder: 2, differences: ["UID 7: no file"])])
    #expect(
      verify.lines == [
        "work/INBOX: 1 difference, 3 on the server, 3 in the state, 2 in the folder", "  UID 7: no file",
        "work: 1 mailbox compared, 1 with differences",
      ])
    #expect(!verify.isClean)
  }

  @Test func holdsForAPerson() {
    let hold = HeldChanges(
      hold: "work:3", account: "work", mailbox: "INBOX", kind: "removals", what: "7 messages gone from the server",
      messages: 7, since: "2026-02-01T09:00:00Z", reason: "7 of 8", approve: "removes them", reject: "keeps them",
      examples: [
        .init(
          account: "work", mailbox: "INBOX", uid: 4, path: "/mail/cur/4", from: "Alice", subject: "Lunch\u{1B}?",
          date: "2026-01-31T08:00:00Z")
      ])
    #expect(
      HeldChanges.lines([hold]) == [
        "work:3  work/INBOX: 7 messages gone from the server",
        "  since 2026-02-01T09:00:00Z: 7 of 8",
        "  - 2026-01-31  Alice: Lunch??",
        "  and 6 more",
        "  mailmirror approve work:3  removes them",
        "  mailmirror reject work:3   keeps them",
      ])
    #expect(HeldChanges.lines([]) == ["nothing waits for you"])
    let decided = DecisionResult(
      decided: [.init(hold: "work:3", account: "work", mailbox: "INBOX", messages: 1, effect: "keeps it")])
    #expect(
      decided.lines("rejected", hasDaemon: false) == [
        "rejected work:3 (INBOX, 1 message): keeps it", "run mailmirror sync work to have it done",
      ])
  }

  @Test func historyForAPerson() {
    let entry = HistoryEntry(
      time: "2026-02-01T09:30:00Z", account: "work", mailbox: "INBOX", event: "quarantined", cause: "server", uid: 12,
      detail: "no longer on the server")
    #expect(
      MessageHistory(entries: [entry]).lines == [
        "2026-02-01T09:30:00Z  quarantined    work/INBOX UID 12  on the server: no longer on the server"
      ])
    let match = ShownMessage(account: "work", mailbox: "Lists/swift", uid: 7, from: "Alice", subject: "Lunch?")
    #expect(MessageHistory(matches: [match]).lines == ["work/Lists/swift:7  Alice: Lunch?"])
  }
}
