import MailModel
import SyncState

/// What history tells of rows that go, in a person's words: what was deleted, what has only moved, what another version
/// took the place of.
extension MessageEnding {
  /// The message is gone from its mailbox on the server because of what was done in the folder.
  /// - Parameters:
  ///   - detail: how it went, where a person deleted it.
  ///   - hasCopy: a local copy of it became a message of its own before its file went.
  static func gone(_ row: MessageRecord, _ detail: String, hasCopy: Bool = false) -> MessageEnding {
    switch row.leaving {
    case .replaced:
      MessageEnding(row.id, .replaced, cause: .folder, detail: "the version that was edited here took its place")
    case .restOfMove where row.isTraceOfMove: MessageEnding(row.id, nil, cause: .folder, detail: "")
    case .restOfMove: MessageEnding(row.id, .deleted, cause: .folder, detail: "to the Trash")
    case .awaitingExpunge:
      MessageEnding(row.id, .deleted, cause: .folder, detail: "marked as deleted on the server, and expunged there now")
    case .none where hasCopy:
      MessageEnding(row.id, .moved, cause: .folder, detail: "by copying: the copy stays, and this one went")
    case .none: MessageEnding(row.id, .deleted, cause: .folder, detail: detail)
    }
  }

  /// Gone on the server, and its file is not where it was either: moved by a mail program, or deleted.
  static func onNeitherSide(_ row: MessageRecord) -> MessageEnding {
    MessageEnding(row.id, .forgotten, cause: .sync, detail: "gone on the server, and no longer in this folder")
  }

  /// Gone on the server, while the file was edited here: that is a message of its own.
  static func editedMeanwhile(_ row: MessageRecord) -> MessageEnding {
    MessageEnding(
      row.id, .replaced, cause: .folder, detail: "edited here, and gone on the server: what was edited is a new message"
    )
  }

  /// Moved on the server and not in the folder any more.
  static func movedThere(_ row: MessageRecord, to place: MailboxName) -> MessageEnding {
    MessageEnding(row.id, .moved, cause: .server, detail: "to \(place), and fetched there since its file was gone here")
  }
}
