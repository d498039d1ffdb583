import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// A folder that was removed here. That is always a hold. When the person agrees, the folder is there again, empty, for
/// as long as its messages take to go as any deletion goes (to the Trash, or as `delete_on_server` has it). The mailbox
/// that is empty then gets a private name, so that nothing can arrive in it, is looked at once more, and is deleted only
/// when it is empty still. Mail that came meanwhile is kept, and the folder with it.
struct FolderRemoval: Sendable {
  let survey: FolderSurvey

  private static let holdKind = "folder"
  private var account: OpenAccount { survey.account }
  private var state: AccountState { survey.account.state }
  private var settings: AccountSettings { survey.account.settings }
  private var connection: IMAPConnection { survey.connection }

  // MARK: The person is asked

  func folderIsGone(
    _ record: MailboxRecord, _ names: ServerNames, _ result: inout FolderSurvey.Result
  ) async throws {
    let location = "\(settings.name)/\(record.name)"
    guard names.isSelectable(record.name) || record.privateName != nil else {
      // Gone on both sides, which a second listing confirms.
      if record.unlisted > 0 {
        try await state.forgetMailbox(
          record.id, cause: .folder, detail: "gone on the server and here", now: account.now())
      }
      return
    }
    guard names.mirrors(record.name, settings.selection) else { return }
    let hold = try await state.holds().first { $0.mailbox == record.id && $0.kind == Self.holdKind }
    switch record.removal {
    case .none:
      let count = try await state.settledCount(of: record.id)
      let reason =
        "its folder \(record.folder) was removed here; approve to delete the mailbox and its \(count) messages on the server"
      try await state.holdRemovedFolder(record.id, kind: Self.holdKind, reason: reason, now: account.now())
      result.notices.append(.held(location, reason))
    case .held:
      if let hold {
        result.notices.append(.held(location, hold.reason))
      } else {
        try await state.approveRemoval(of: record.id, now: account.now())
        try await makeFolder(record)
      }
    case .approved: try await makeFolder(record)
    }
  }

  /// A folder is there of which a person was asked.
  func folderIsThere(
    _ record: MailboxRecord, _ folders: [FoundFolder], _ result: inout FolderSurvey.Result
  ) async throws {
    if let hold = try await state.holds().first(where: { $0.mailbox == record.id && $0.kind == Self.holdKind }) {
      // The very directory that was known, put back. Another one says nothing of what was in it.
      let cur = record.scan?.cur
      let isSame = folders.contains { folder in
        folder.path.stored == record.folder && folder.cur.inode == cur.map { UInt64(bitPattern: $0.inode) }
          && folder.cur.device == cur.map { UInt64(bitPattern: $0.device) }
      }
      guard isSame else {
        result.notices.append(.held("\(settings.name)/\(record.name)", hold.reason))
        return
      }
      try await state.folderIsBack(record.id)
    } else if try await state.hasApproved(record.id) {
      try await state.approveRemoval(of: record.id, now: account.now())
    } else {
      try await state.keepMailbox(record.id)
    }
  }

  private func makeFolder(_ record: MailboxRecord) async throws {
    guard let path = FolderPath(bytes: Array(record.folder.utf8)) else { return }
    let (root, layout) = (account.root, settings.layout)
    _ = try await account.pool.run { try MaildirFolder.create(in: root, at: path, layout: layout) }
  }

  // MARK: The mailbox goes

  /// Deletes the mailboxes whose messages have all gone on the person's word, the deepest first.
  func finish(_ names: inout ServerNames, _ result: inout FolderSurvey.Result) async throws {
    let leaving = try await state.mailboxes().filter { $0.removal == .approved }
    for record in leaving.sorted(by: { $0.name.wire.count > $1.name.wire.count }) {
      if let queue = survey.queue {
        guard await queue.reserve(record.id) else { continue }
      }
      do {
        try await finish(record, &names, &result)
        await survey.queue?.release(record.id)
      } catch {
        await survey.queue?.release(record.id)
        throw error
      }
    }
  }

  private func finish(
    _ record: MailboxRecord, _ names: inout ServerNames, _ result: inout FolderSurvey.Result
  ) async throws {
    let contents = try await state.contents(of: record.id)
    if record.privateName == nil {
      guard contents.present + contents.files + contents.unfetched == 0 else {
        return try await keep(record, "mail came into it meanwhile")
      }
      guard contents.messages == 0 else { return }
      account.facts.noteRemovalTried(record.id)
      guard contents.isNothing else { return }
      let isOfUse = record.specialUse != nil || account.facts.trash == record.name
      guard !isOfUse else { return try await keep(record, "the server uses it for a purpose of its own") }
      // A renaming would take them along, and a deletion might.
      let below = Set(names.below(record.name))
      guard below.isEmpty else {
        if try await state.mailboxes().contains(where: { $0.removal != .none && below.contains($0.name) }) { return }
        return try await keep(record, "there are mailboxes below it")
      }
      let unique = account.names.next().bytes.filter(\.isPlain)
      let name = MailboxName(wire: names.prefix + Array("mailmirror-removes-".utf8) + unique)
      try await state.setPrivateName(name, of: record.id)
    }
    guard let record = try await state.mailbox(record.id), let hidden = record.privateName else { return }
    result.hasChangedServer = true
    if !names.has(hidden), names.has(record.name) {
      if let text = try await connection.rename(record.name, to: hidden) { return try await keep(record, text.text) }
      names.rename(record.name, to: hidden)
    }
    if names.has(hidden), try await !delete(hidden, record) {
      return try await takeBack(hidden, record, &names)
    }
    _ = try await connection.unsubscribe(record.name)
    names.remove(hidden)
    try await forget(record)
  }

  /// False where it is not empty after all, or the server keeps it.
  private func delete(_ hidden: MailboxName, _ record: MailboxRecord) async throws -> Bool {
    let status = try await connection.status(hidden)
    guard status.messages == 0, status.uidValidity == record.uidValidity || record.uidValidity == nil else {
      return false
    }
    guard let text = try await connection.delete(hidden) else { return true }
    account.logger.warning("\(settings.name)/\(record.name): the server did not delete it: \(text.text)")
    return false
  }

  private func takeBack(_ hidden: MailboxName, _ record: MailboxRecord, _ names: inout ServerNames) async throws {
    if let text = try await connection.rename(hidden, to: record.name) {
      // The name has been taken meanwhile: both are kept, this one under the name that it has now.
      account.logger.warning("\(settings.name)/\(record.name): it stays on the server as \(hidden): \(text.text)")
      try await state.relink(
        [.init(mailbox: record.id, name: hidden, folder: record.folder)], cause: .sync,
        detail: "its name was taken while it was removed", now: account.now())
    } else {
      names.rename(hidden, to: record.name)
    }
    try await keep(record, "it is not empty, or the server does not delete it")
  }

  private func keep(_ record: MailboxRecord, _ reason: String) async throws {
    try await state.keepMailbox(record.id)
    account.logger.notice("\(settings.name)/\(record.name): the mailbox stays: \(reason)")
  }

  private func forget(_ record: MailboxRecord) async throws {
    let root = account.root
    if let path = FolderPath(bytes: Array(record.folder.utf8)) {
      // Mail that came into the folder in this very moment makes it a new one.
      _ = try await account.pool.run { try MaildirFolder.removeEmpty(in: root, at: path) }
    }
    try await state.forgetMailbox(
      record.id, cause: .person, detail: "its folder was removed here, and the mailbox on your word", now: account.now()
    )
    account.logger.notice("\(settings.name)/\(record.name): deleted on the server, as its folder was here")
  }
}

extension UInt8 {
  /// A letter, a digit or `-`.
  fileprivate var isPlain: Bool {
    (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
      || self == UInt8(ascii: "-")
  }
}
