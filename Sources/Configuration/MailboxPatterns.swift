import MailModel

/// Which mailboxes are mirrored: `["*", "!Spam", "!Archive/*"]`, read in order, the last match wins.
///
/// `*` matches anything, the server's separator included, and `%` anything without a separator, as in LIST
/// (RFC 3501 section 6.3.8). A leading `!` excludes.
package struct MailboxPatterns: Hashable, Sendable {
  package struct Pattern: Hashable, Sendable {
    package let text: String
    package let excludes: Bool
  }

  package let patterns: [Pattern]

  package static let all = MailboxPatterns(["*"])

  package init(_ written: [String]) {
    patterns = written.map { text in
      text.hasPrefix("!")
        ? Pattern(text: String(text.dropFirst()), excludes: true) : Pattern(text: text, excludes: false)
    }
  }

  /// Whether the mailbox is mirrored. The separator is the server's, nil where its names are flat.
  package func select(_ name: MailboxName, separator: Character?) -> Bool {
    let text = Array(name.description)
    let last = patterns.last { pattern in
      if name.isInbox, pattern.text.asciiLowercased() == "inbox" { return true }
      return Self.matches(Array(pattern.text), text, separator: separator)
    }
    return last.map { !$0.excludes } ?? false
  }

  /// Row by row over the pattern, so that the time is pattern times name whatever the wildcards.
  private static func matches(_ pattern: [Character], _ text: [Character], separator: Character?) -> Bool {
    var reached = [true] + [Bool](repeating: false, count: text.count)
    for part in pattern {
      var row = [Bool](repeating: false, count: text.count + 1)
      switch part {
      case "*", "%":
        row[0] = reached[0]
        for index in text.indices {
          let mayPass = part == "*" || text[index] != separator
          row[index + 1] = reached[index + 1] || (row[index] && mayPass)
        }
      default:
        for index in text.indices where text[index] == part { row[index + 1] = reached[index] }
      }
      reached = row
    }
    return reached[text.count]
  }
}
