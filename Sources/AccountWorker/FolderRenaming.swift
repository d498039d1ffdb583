import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// Follows a folder that was renamed here: the mailbox is renamed on the server, with those below it, and the rows with
/// them. Where the server will not have it, the row follows the folder, and the mailbox keeps its name.
struct FolderRenaming: Sendable {
  let survey: FolderSurvey

  private var account: OpenAccount { survey.account }
  private var state: AccountState { survey.account.state }
  private var settings: AccountSettings { survey.account.settings }

  func follow(
    _ record: MailboxRecord, to path: FolderPath, _ names: inout ServerNames, _ result: inout FolderSurvey.Result
  ) async throws {
    if let queue = survey.queue {
      guard await queue.reserve(record.id) else { return }
    }
    do {
      try await rename(record, to: path, &names, &result)
      await survey.queue?.release(record.id)
    } catch {
      await survey.queue?.release(record.id)
      throw error
    }
  }

  private func rename(
    _ record: MailboxRecord, to path: FolderPath, _ names: inout ServerNames, _ result: inout FolderSurvey.Result
  ) async throws {
    let old = record.name
    if record.removal == .held { try await state.folderIsBack(record.id) }
    guard let target = try await target(record, path, names, &result), target != old else {
      return try await relink(record, old, path, detail: "its folder was renamed to \(path)")
    }
    // Our own renaming whose answer was never heard, or somebody else's.
    let isDone = names.isSelectable(target) && !names.has(old)
    if !isDone {
      if let text = try await survey.connection.rename(old, to: target) {
        result.notices.append(refusal(record, target, text.text))
        return try await relink(record, old, path, detail: "its folder was renamed to \(path)")
      }
      _ = try await survey.connection.subscribe(target)
      _ = try await survey.connection.unsubscribe(old)
      names.rename(old, to: target)
      result.hasChangedServer = true
    }
    try await relink(record, target, path, detail: "renamed from \(old), as its folder was")
    account.logger.notice("\(settings.name)/\(old): renamed to \(target), as its folder was")
  }

  /// The name that the mailbox should have; its own where it has to stay as it is.
  func target(
    _ record: MailboxRecord, _ path: FolderPath, _ names: ServerNames, _ result: inout FolderSurvey.Result
  ) async throws -> MailboxName? {
    guard settings.policy.direction == .twoWay, let target = names.name(for: path, settings), target != record.name,
      !target.isInbox, names.selects(target, settings.selection)
    else { return nil }
    if names.has(target), !names.has(record.name) {
      // The same one, by its UIDVALIDITY; else another of that name.
      return names.status(target)?.uidValidity == record.uidValidity ? target : nil
    }
    let isTaken = try await state.mailboxes().contains { $0.name == target }
    if names.has(target) || isTaken {
      result.notices.append(refusal(record, target, "there is a mailbox of that name already"))
      return nil
    }
    return names.isSelectable(record.name) ? target : nil
  }

  /// The rows of this mailbox and, in the same act, of those whose names or folders went along.
  private func relink(
    _ record: MailboxRecord, _ name: MailboxName, _ path: FolderPath, detail: String
  ) async throws {
    var changes = [AccountState.Relinking(mailbox: record.id, name: name, folder: path.stored)]
    if name != record.name, let delimiter = record.delimiter {
      let start = record.name.wire + [delimiter]
      for other in try await state.mailboxes() where other.name.wire.starts(with: start) {
        changes.append(
          .init(mailbox: other.id, name: other.name.moved(from: record.name, to: name), folder: other.folder))
      }
    }
    try await state.relink(changes, cause: .folder, detail: detail, now: account.now())
  }

  private func refusal(_ record: MailboxRecord, _ target: MailboxName, _ reason: String) -> SyncFailure {
    SyncFailure(
      scope: .mailbox, retry: .never, location: "\(settings.name)/\(record.name)",
      what: "its folder was renamed here, but the server did not rename the mailbox to \(target): \(reason)",
      remedy: "the folder goes on mirroring \(record.name); rename the mailbox on the server if you like")
  }
}
