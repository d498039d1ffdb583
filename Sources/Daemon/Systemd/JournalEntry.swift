import ControlProtocol
import Logging

/// One entry of the journal as its fields, `NAME=VALUE` (systemd.journal-fields(7)).
package struct JournalEntry: Equatable, Sendable {
  package let fields: [String]

  /// Metadata whose keys are names of fields (`ACCOUNT`, `MAILBOX`, `UID`) becomes fields; others are left out. All
  /// text may come from servers, so it is sanitised (S27).
  package init(level: Logger.Level, message: String, metadata: Logger.Metadata) {
    let own = [
      "MESSAGE=" + printable(message, limit: 1000), "PRIORITY=\(Self.priority(level))",
      "SYSLOG_IDENTIFIER=mailmirror",
    ]
    let others = metadata.filter { Self.isFieldName($0.key) && !Self.reserved.contains($0.key) }
    fields =
      own
      + others.sorted { $0.key < $1.key }.prefix(16).map { "\($0.key)=" + printable("\($0.value)", limit: 1000) }
  }

  private static let reserved: Set = ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"]

  /// Capital letters, digits and underscores, starting with a letter, at most 64.
  private static func isFieldName(_ name: String) -> Bool {
    guard let first = name.utf8.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else { return false }
    return name.utf8.count <= 64
      && name.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
      }
  }

  /// The priorities of syslog(3).
  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
