import MailModel

/// What a visit would do, for a dry run.
package struct DrainPreview: Equatable, Sendable {
  package var mailbox: MailboxName
  package var downloads: Int
  /// Of these, and of what is here already.
  package var deletions: Int
  package var tooLarge: Int

  package init(mailbox: MailboxName, _ totals: DrainTotals, _ policy: DrainPolicy) {
    self.mailbox = mailbox
    downloads = totals.fetches
    deletions = totals.deletions + (policy.retention == .delete ? totals.fetches : 0)
    tooLarge = totals.tooLarge
  }

  package var isEmpty: Bool { downloads == 0 && deletions == 0 && tooLarge == 0 }
}

extension DrainPreview: CustomStringConvertible {
  /// In a person's words, one line.
  package var description: String {
    var parts: [String] = []
    if downloads > 0 { parts.append("download \(Self.messages(downloads))") }
    if deletions > 0 { parts.append("delete \(Self.messages(deletions)) on the server once they are here") }
    if tooLarge > 0 { parts.append("leave \(Self.messages(tooLarge)) there that are larger than size_limit") }
    return "\(mailbox): " + (parts.isEmpty ? "nothing to do" : parts.joined(separator: ", "))
  }

  private static func messages(_ count: Int) -> String { count == 1 ? "1 message" : "\(count) messages" }
}
