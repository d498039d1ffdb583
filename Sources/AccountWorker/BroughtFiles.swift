import MailModel
import SyncState

/// What the open intents are to bring into one mailbox. Of several files of one content, the file that an act on the
/// server was about is the counterpart of what that act has brought; the flags that it has here are its own, and are
/// not united with those of a copy.
struct BroughtFiles: Sendable {
  private struct Act: Sendable {
    var intent: ServerIntent
    /// The row that is copied or moved.
    var source: MessageRecord?
  }

  private var acts: [ServerIntent.File: Act] = [:]

  init(into mailbox: Int64, of state: AccountState) async throws {
    for intent in try await state.intents(into: mailbox) {
      guard let file = intent.file else { continue }
      var source: MessageRecord?
      if let id = intent.source { source = try await state.messages(ids: [id]).first }
      acts[file] = Act(intent: intent, source: source)
    }
  }

  /// The file that a message with this UID and these flags is: one that an act may have brought there, else one that no
  /// act is about.
  func counterpart(of uid: UID, _ flags: FlagSet, among files: [LocalFile]) -> LocalFile? {
    let brought = files.filter { act(for: $0, uid) != nil }
    return brought.first { act(for: $0, uid)?.source?.flags == flags } ?? brought.first
      ?? files.first { acts[$0.key] == nil } ?? files.first
  }

  /// The flags of last sync of a file that an act has brought to this UID, and those of its keywords that no letter of
  /// its name stands for; nil where no act has.
  func base(of file: LocalFile, _ uid: UID, server: FlagSet) -> (flags: FlagSet, withoutLetters: [String])? {
    guard let act = act(for: file, uid) else { return nil }
    switch act.intent.kind {
    // Its letters say all its keywords.
    case .append: return (server, [])
    // Its letters were taken off its name.
    case .copy, .trash: return (server, server.keywords)
    case .move:
      let flags = act.source?.flags ?? server
      return (flags, flags.keywords)
    }
  }

  private func act(for file: LocalFile, _ uid: UID) -> Act? {
    acts[file.key].flatMap { uid.value >= $0.intent.uidNext ? $0 : nil }
  }
}

extension LocalFile {
  /// As intents have it.
  var key: ServerIntent.File { ServerIntent.File(baseName: baseName, inode: stamp.inode) }
}
