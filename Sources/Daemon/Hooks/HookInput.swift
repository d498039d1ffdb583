import ControlProtocol
import FoundationEssentials

/// What a hook is told of a burst: its environment, and one JSON object a line on its standard input.
///
/// ```
/// MAILMIRROR_ACCOUNT=work  MAILMIRROR_NEW=2  MAILMIRROR_CHANGED=0  MAILMIRROR_GONE=0  MAILMIRROR_MAILBOXES=INBOX
/// {"account":"work","flags":[],"kind":"new","mailbox":"INBOX","path":"/home/me/Mail/work/new/...","uid":7,...}
/// ```
package struct HookInput: Equatable, Sendable {
  package let variables: [String: String]
  package let lines: [UInt8]

  package init(account: String, _ settled: SettledChanges) {
    func count(_ kinds: MailChange.Kind...) -> String { "\(kinds.reduce(0) { $0 + (settled.counts[$1] ?? 0) })" }
    variables = [
      "MAILMIRROR_ACCOUNT": account,
      "MAILMIRROR_NEW": count(.new),
      "MAILMIRROR_CHANGED": count(.changed, .moved),
      "MAILMIRROR_GONE": count(.gone),
      "MAILMIRROR_OMITTED": "\(settled.omitted)",
      "MAILMIRROR_MAILBOXES": Self.names(settled.mailboxes),
    ]
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    lines = settled.changes.reduce(into: []) { lines, change in
      guard let line = try? encoder.encode(change) else { return }
      lines.append(contentsOf: line)
      lines.append(UInt8(ascii: "\n"))
    }
  }

  /// One name a line. The kernel refuses a variable of more than 128 KiB, and with it the whole program, so a long list
  /// is cut; a name with a control character would look like two, so it stands in the lines of JSON only.
  private static func names(_ mailboxes: [String]) -> String {
    var room = 100_000
    let fitting = mailboxes.lazy.filter { !$0.unicodeScalars.contains { $0.value < 0x20 } }.prefix { name in
      room -= name.utf8.count + 1
      return room >= 0
    }
    return fitting.joined(separator: "\n")
  }
}
