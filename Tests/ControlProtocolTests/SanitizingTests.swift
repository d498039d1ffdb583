import ControlProtocol
import Foundation
import Testing

@Suite struct SanitizingTests {
  private static let poison = "a\u{1B}[31m\u{202E}b\r\n\u{9B}c\u{200F}%n\u{FEFF}\u{E0041}"

  /// Every string of every value that leaves through the socket, but those that the configuration gives.
  @Test("S27 what a server says can't steer a client's terminal") func nothingHarmfulLeaves() throws {
    let text = Self.poison
    var account = StatusReport.Account(name: "work", state: .failing)
    account.activity = text
    account.push = text
    account.error = .init(what: text, remedy: text)
    account.progress = ProgressReport(account: "work", mailbox: text)
    account.mailboxes = [.init(name: text, folder: text, state: .ok, messages: 1, reason: text)]
    account.holds = [.init(hold: "work:1", mailbox: text, what: "", messages: 1, reason: text, since: "")]
    let shown = ShownMessage(account: "work", mailbox: text, path: text, from: text, subject: text)
    let kept = RestorableMessage(
      name: "1.a", account: "work", mailbox: text, removed: "", until: "", reason: text, from: text, subject: text)
    var sync = SyncResult(account: "work", failures: [text])
    sync.planned = [text]
    sync.notices = [text]
    let values: [any Encodable] = [
      account.sanitized, sync.sanitized, shown.sanitized, kept.sanitized,
      HeldChanges(
        hold: "work:1", account: "work", mailbox: text, kind: "flags", what: "", messages: 1, since: "", reason: text,
        approve: "", reject: nil, examples: [shown]
      ).sanitized,
      DecisionResult(
        decided: [.init(hold: "work:1", account: "work", mailbox: text, messages: 1, effect: "")], failures: [text]
      ).sanitized,
      MessageHistory(
        entries: [
          .init(time: "", account: "work", mailbox: text, event: "came", cause: "server", file: text, detail: text)
        ], matches: [shown]
      ).sanitized,
      RestoreResult(
        restored: [.init(name: "1.a", account: "work", mailbox: text, path: text)], matches: [kept], failures: [text]
      ).sanitized,
      ListedMailbox(account: "work", name: text, wire: text, folder: text).sanitized,
      MailChange(
        account: "work", mailbox: text, kind: .new, time: "", path: text, flags: [text], from: text, subject: text
      ).sanitized,
      VerifyResult(
        account: "work",
        mailboxes: [
          .init(
            name: text, onServer: 0, inState: 0, inFolder: 0, differences: [text], explained: [text], repaired: [text])
        ], failures: [text]
      ).sanitized,
      StringBox(OpenMetrics.text([account], version: "1").replacingOccurrences(of: "\n", with: " ")),
    ]
    for value in values {
      let encoded = String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
      #expect(encoded.contains("a?[31m?b??" + "?c?%n??"))
      #expect(!encoded.contains("\\u") && !encoded.contains("\\r") && !encoded.contains("\\n"), "\(encoded)")
      for scalar in encoded.unicodeScalars { #expect(scalar.value < 0x7F || scalar == "ö", "\(encoded)") }
    }
  }

  private struct StringBox: Encodable {
    let text: String

    init(_ text: String) { self.text = text }
  }

  @Test func whatIsLongIsCut() {
    let change = MailChange(
      account: "a", mailbox: "m", kind: .new, time: "", flags: Array(repeating: "x", count: 5_000),
      subject: String(repeating: "x", count: 1_000_000)
    ).sanitized
    #expect(change.subject?.count == 1_003 && change.flags.count == 100)
  }
}

@Suite struct QuantityTests {
  @Test func timesAreReadAgain() {
    for seconds: Int64 in [0, 1_769_938_200, 951_782_400, 4_102_444_799] {
      #expect(secondsOfTimestamp(timestamp(seconds)) == seconds)
    }
    for text in ["", "2026-02-01", "2026-02-30T00:00:00Z", "2026-02-01T09:30:00+01", "x"] {
      #expect(secondsOfTimestamp(text) == nil)
    }
  }
}
