import ControlProtocol
import Daemon
import Foundation
import Testing

@Suite struct HookInputTests {
  private func settled(_ changes: [MailChange]) throws -> SettledChanges {
    var burst = ChangeBurst()
    burst.add(changes, at: SuspendingClock.now)
    let settled = burst.take(at: SuspendingClock.now + .seconds(1))
    return try #require(settled)
  }

  @Test func itCountsByKindAndNamesTheMailboxes() throws {
    let changes = [
      change(1), change(2, .changed, in: "A"), change(3, .moved), change(4, .gone, in: "Entwürfe"), change(5),
    ]
    let input = HookInput(account: "work", try settled(changes))
    #expect(
      input.variables == [
        "MAILMIRROR_ACCOUNT": "work", "MAILMIRROR_NEW": "2", "MAILMIRROR_CHANGED": "2", "MAILMIRROR_GONE": "1",
        "MAILMIRROR_OMITTED": "0", "MAILMIRROR_MAILBOXES": "INBOX\nA\nEntwürfe",
      ])
  }

  @Test func eachLineIsOneChange() throws {
    let changes = (1...50).map { change(UInt32($0)) }
    let lines = String(decoding: HookInput(account: "work", try settled(changes)).lines, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.last == "" && lines.count == 51)
    let read = try lines.dropLast().map { try JSONDecoder().decode(MailChange.self, from: Data($0.utf8)) }
    #expect(read == changes)
    let object = try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any]
    #expect(
      object?.keys.sorted()
        == ["account", "flags", "from", "kind", "mailbox", "path", "subject", "time", "uid"])
  }

  @Test func aVariableNeverGrowsBeyondWhatTheKernelTakesOrSplitsAName() throws {
    let long = (0..<2000).map { change(1, in: "Lists/\($0)/" + String(repeating: "x", count: 100)) }
    let names = try #require(
      HookInput(account: "w", try settled([change(1, in: "two\nlines")] + long)).variables["MAILMIRROR_MAILBOXES"])
    #expect(names.utf8.count <= 100_000 && names.utf8.count > 90_000)
    #expect(names.split(separator: "\n").allSatisfy { $0.hasPrefix("Lists/") && $0.hasSuffix("xxx") })
  }
}

@Suite struct HookCommandTests {
  @Test func whatIsTheManagersOrSecretStaysWithTheDaemon() {
    let environment = [
      "PATH": "/bin", "NOTIFY_SOCKET": "/run/n", "LISTEN_FDS": "1", "LISTEN_PID": "9", "LISTEN_FDNAMES": "c",
      "WATCHDOG_USEC": "1", "WATCHDOG_PID": "9", "CREDENTIALS_DIRECTORY": "/run/c", "JOURNAL_STREAM": "1:2",
      "WORK_PASSWORD": "s", "MAILMIRROR_CONFIG": "/c",
    ]
    let command = HookCommand(words: ["x"], directory: "/", environment: environment, withheld: ["WORK_PASSWORD"])
    #expect(command.environment == ["PATH": "/bin", "MAILMIRROR_CONFIG": "/c"])
  }
}

@Suite struct HookOutputTests {
  @Test func linesAreCutWhereverTheBytesAre() {
    let text = "one\ntwo\n\nthree"
    for size in 1...text.utf8.count {
      var output = HookOutput()
      var lines: [String] = []
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        lines += output.add(rest.prefix(size))
        rest = rest.dropFirst(size)
      }
      if let last = output.finish() { lines.append(last) }
      #expect(lines == ["one", "two", "three"], "\(size)")
    }
  }

  @Test func tooLongAndTooManyIsCutAndCounted() {
    var output = HookOutput()
    let long = output.add([UInt8](repeating: UInt8(ascii: "x"), count: 1_000_000) + [UInt8(ascii: "\n")])
    #expect(long.map(\.count) == [HookOutput.longestLine])
    let many = output.add(Array(String(repeating: "line\n", count: 5000).utf8))
    #expect(many.count == HookOutput.mostLines - 1 && output.omitted == 5001 - HookOutput.mostLines)
  }
}
