import MailModel

/// What one round will do to one mailbox: the plan as data, which a dry run prints instead of carrying it out.
package struct MailboxPlan: Equatable, Sendable {
  package var mailbox: MailboxName
  package var downloads: UIDSet
  /// Messages of the server whose files are here already.
  package var matches = 0
  /// Files here that wait until it is known whether the server has them in another mailbox.
  package var unmatched = 0
  package var flagChanges: Int
  package var removals: UIDSet
  package var hold: String?
  /// What goes to the server.
  package var push = PushPlan()

  package init(
    mailbox: MailboxName, downloads: UIDSet = UIDSet(), flagChanges: Int = 0, removals: UIDSet = UIDSet(),
    hold: String? = nil
  ) {
    self.mailbox = mailbox
    self.downloads = downloads
    self.flagChanges = flagChanges
    self.removals = removals
    self.hold = hold
  }

  package var isEmpty: Bool {
    downloads.isEmpty && matches == 0 && unmatched == 0 && flagChanges == 0 && removals.isEmpty && hold == nil
      && push.isEmpty
  }
}

extension MailboxPlan: CustomStringConvertible {
  /// In a person's words, one line.
  package var description: String {
    var parts: [String] = []
    if !downloads.isEmpty { parts.append("download \(Self.messages(downloads.count))") }
    if matches > 0 { parts.append("match \(Self.messages(matches)) with files that are here") }
    if unmatched > 0 {
      parts.append(
        "keep \(Self.messages(unmatched)) that only the folder has, until the other mailboxes have been looked at")
    }
    if flagChanges > 0 { parts.append("change the flags of \(Self.messages(flagChanges))") }
    if !removals.isEmpty {
      parts.append("\(hold == nil ? "move" : "hold the move of") \(Self.messages(removals.count)) to quarantine")
    }
    if let hold { parts.append("wait for your word: \(hold)") }
    parts += push.parts
    return "\(mailbox): " + (parts.isEmpty ? "nothing to do" : parts.joined(separator: ", "))
  }

  private static func messages(_ count: Int) -> String { count == 1 ? "1 message" : "\(count) messages" }
}
