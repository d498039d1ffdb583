import MailModel

/// What a sync will do to a mailbox and its folder as a whole, for a dry run.
package enum FolderPlan: Equatable, Sendable {
  /// A mailbox has no folder yet.
  case makeFolder(for: MailboxName, at: String)
  /// A folder was made here, with so many messages.
  case makeMailbox(MailboxName, for: String, messages: Int)
  /// Renamed on the server; the folder's new place is nil where it stays.
  case renameFolder(old: MailboxName, new: MailboxName, to: String?)
  /// Its folder was renamed here.
  case renameMailbox(MailboxName, to: MailboxName)
  /// Its folder was renamed here, and the mailbox keeps its name.
  case followFolder(MailboxName, to: String)
  /// Its folder was removed here: that is always a hold.
  case askRemoval(MailboxName, folder: String, messages: Int)
  /// The person has agreed to that.
  case removeMailbox(MailboxName)
  /// Gone on the server; confirmed when two listings in a row lack it.
  case removeFolder(MailboxName, messages: Int, isConfirmed: Bool, hold: String?)
}

extension FolderPlan: CustomStringConvertible {
  /// In a person's words, one line.
  package var description: String {
    switch self {
    case .makeFolder(let name, let folder):
      "\(name): make \(folder.isEmpty ? "its folder" : "the folder \(folder)") for this mailbox"
    case .makeMailbox(let name, let folder, let count):
      "\(name): make this mailbox on the server for the folder \(folder)"
        + (count > 0 ? ", and send its \(Self.messages(count))" : "")
    case .renameFolder(let old, let new, let folder):
      "\(new): renamed on the server from \(old); "
        + (folder.map { "rename its folder to \($0)" } ?? "its folder stays where it is")
    case .renameMailbox(let old, let new): "\(old): rename this mailbox to \(new) on the server, as its folder was"
    case .followFolder(let name, let folder): "\(name): go on with its folder as \(folder); the mailbox keeps its name"
    case .askRemoval(let name, let folder, let count):
      "\(name): wait for your word: its folder \(folder) was removed here, and to approve that would delete the mailbox "
        + "and its \(Self.messages(count)) on the server"
    case .removeMailbox(let name): "\(name): delete this mailbox on the server, as you have approved"
    case .removeFolder(let name, let count, let isConfirmed, let hold):
      Self.removal(name, count, isConfirmed: isConfirmed, hold: hold)
    }
  }

  private static func removal(_ name: MailboxName, _ count: Int, isConfirmed: Bool, hold: String?) -> String {
    guard isConfirmed else {
      return "\(name): gone on the server; when the sync after this one does not find it either, its "
        + "\(messages(count)) here go to quarantine"
    }
    if let hold { return "\(name): gone on the server; wait for your word: \(hold)" }
    let moved = count > 0 ? "move its \(messages(count)) here to quarantine, and " : ""
    return "\(name): gone on the server; \(moved)remove its folder"
  }

  private static func messages(_ count: Int) -> String { count == 1 ? "1 message" : "\(count) messages" }
}
