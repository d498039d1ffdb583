import Daemon
import Foundation
import Logging
import Synchronization
import Testing

@Suite struct ServiceNotifierTests {
  private final class Messages: Sendable {
    let sent = Mutex<[String]>([])
  }

  @Test func itSpeaksTheProtocolOfSdNotify() {
    let messages = Messages()
    let notifier = ServiceNotifier(
      monotonicTime: { 12_345_678 }, send: { text in messages.sent.withLock { $0.append(text) } })
    notifier.ready(status: "2 accounts")
    notifier.status("all current")
    notifier.reloading()
    notifier.watchdog()
    notifier.stopping(status: "stopping")
    #expect(
      messages.sent.withLock { $0 } == [
        "READY=1\nSTATUS=2 accounts", "STATUS=all current", "RELOADING=1\nMONOTONIC_USEC=12345678", "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping",
      ])
  }

  @Test("S27 a status cannot become another assignment") func aStatusCannotBecomeAnotherAssignment() {
    let messages = Messages()
    let notifier = ServiceNotifier(send: { text in messages.sent.withLock { $0.append(text) } })
    notifier.status("work: NO\nMAINPID=1\r\u{1B}[31m" + String(repeating: "x", count: 1_000_000))
    let text = messages.sent.withLock { $0[0] }
    #expect(!text.contains("\n") && !text.contains("\r") && !text.contains("\u{1B}") && text.utf8.count < 400)
    #expect(text.hasPrefix("STATUS=work: NO?MAINPID=1"))
  }

  @Test func theTimeIsTheMonotonicClocksInMicroseconds() {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let microseconds = UInt64(time.tv_sec) * 1_000_000
    #expect((microseconds...microseconds + 10_000_000).contains(ServiceNotifier.systemMonotonicTime()))
  }
}

@Suite struct JournalEntryTests {
  @Test func metadataBecomesFields() {
    let entry = JournalEntry(
      level: .warning, message: "work: INBOX: failing",
      metadata: ["ACCOUNT": "work", "MAILBOX": "INBOX", "UID": "7", "other": "x", "MESSAGE": "forged", "_UID": "0"])
    #expect(
      entry.fields == [
        "MESSAGE=work: INBOX: failing", "PRIORITY=4", "SYSLOG_IDENTIFIER=mailmirror", "ACCOUNT=work", "MAILBOX=INBOX",
        "UID=7",
      ])
  }

  @Test("S27 text of servers is sanitized and cut") func textOfServersIsSanitizedAndCut() {
    let text = "%n\u{1B}]0;x\u{7}\nPRIORITY=0" + String(repeating: "é", count: 1_000_000)
    let entry = JournalEntry(level: .info, message: text, metadata: ["MAILBOX": .string(text)])
    for field in entry.fields {
      #expect(!field.contains("\n") && !field.contains("\u{1B}") && field.utf8.count < 2100)
    }
    #expect(entry.fields[0].hasPrefix("MESSAGE=%n?]0;x??PRIORITY=0é"))
  }

  @Test(
    arguments: zip(
      [Logger.Level.trace, .debug, .info, .notice, .warning, .error, .critical], [7, 7, 6, 5, 4, 3, 2]))
  func prioritiesAreThoseOfSyslog(level: Logger.Level, priority: Int) {
    #expect(JournalEntry(level: level, message: "m", metadata: [:]).fields[1] == "PRIORITY=\(priority)")
  }
}

@Suite struct LogTargetTests {
  @Test func theJournalOnlyWhereTheDescriptorIsItsStream() throws {
    let pipe = Pipe()
    var status = stat()
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    try #require(fstat(descriptor, &status) == 0)
    func target(_ stream: String?) -> LogTarget {
      LogTarget.of(descriptor: descriptor, environment: stream.map { ["JOURNAL_STREAM": $0] } ?? [:])
    }
    #expect(target("\(status.st_dev):\(status.st_ino)") == .journal)
    for wrong in [nil, "", ":", "\(status.st_dev):\(status.st_ino + 1)", "\(status.st_dev)", "x:y", "1:2:3"] {
      #expect(target(wrong) == .standardError, "\(wrong ?? "none")")
    }
    #expect(LogTarget.of(descriptor: -1, environment: ["JOURNAL_STREAM": "0:0"]) == .standardError)
  }
}
