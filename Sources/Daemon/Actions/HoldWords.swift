import ControlProtocol
import SyncState

/// What a kind of hold means to a person.
struct HoldWords: Equatable, Sendable {
  var what: String
  /// What approving does, as a sentence's end: `it ...`.
  var approve: String
  /// Nil where nothing can be restored.
  var reject: String?

  init(_ kind: String, messages count: Int) {
    let messages = counted(count, "message")
    switch HoldKind(rawValue: kind) {
    case .removals:
      what = "\(messages) gone from the server"
      approve = "removes them from the folder, into quarantine"
      reject = "keeps the files, and sends them to the server again where the direction is two-way"
    case .deletions:
      what = "\(messages) deleted here"
      approve = "deletes them on the server, as delete_on_server says"
      reject = "fetches them again"
    case .trash:
      what = "\(messages) deleted here, in an account without a Trash mailbox"
      approve = "makes a Trash mailbox on the server and moves them there"
      reject = "fetches them again"
    case .flags:
      what = "flags of \(messages) cleared here"
      approve = "clears them on the server"
      reject = "sets them here again"
    case .uploads:
      what = "\(counted(count, "new message")) in the folder"
      approve = "sends them to the server"
      reject = "keeps them here only"
    case .append:
      what = "\(messages) that may have been sent"
      approve = "sends them once more"
      reject = "keeps them here only"
    case .pull:
      what = "\(counted(count, "change")) made here while nothing was sent"
      approve = "sends them to the server"
      reject = "undoes changes of flags, edits and deletions here, and keeps new messages here only"
    case .folder:
      what = "the folder was removed here, with \(messages)"
      approve = "removes the mailbox from the server, its messages to the Trash first"
      reject = "makes the folder again and fetches its messages"
    case .uidvalidity:
      what = "the mailbox was made anew on the server and is empty, \(messages) here"
      approve = "removes them from the folder, into quarantine"
      reject = "keeps the files, and sends them to the server again where the direction is two-way"
    case .uids:
      what = "the server gives other messages under the same UIDs"
      approve = "matches what is here with the server by content; what has no match there waits once more"
      reject = nil
    case .server:
      what = "the account points to another server than its mail came from"
      approve = "takes that server's mailbox for the account's, and matches what is here by content"
      reject = nil
    case nil:
      what = "\(messages) held"
      approve = "lets it pass"
      reject = "restores the other side"
    }
  }
}
