import Logging
import MailModel
import Maildir
import SyncState

/// A state that was lost, or a Maildir that another program made: what of the mail here is still in the maildrop is
/// found out by content as it is fetched, and is not delivered again.
struct DrainRebuild: Sendable {
  let account: OpenAccount
  let mailbox: MirroredMailbox

  /// Reads what is here, where that is wanted; before the first session.
  func prepare() async throws {
    guard try await account.state.rebuilding().isUnderWay else { return }
    let (id, state) = (mailbox.record.id, account.state)
    try await state.setLocalFiles([], of: id)
    try await DrainFolders(account: account).forEachDurable(of: id) { try await state.addLocalFiles($0, of: id) }
  }

  /// All that the maildrop has was compared: the rest of what is here is the person's alone.
  func end() async throws {
    guard try await account.state.rebuilding().isUnderWay else { return }
    let id = mailbox.record.id
    try await account.state.setMatched(id)
    try await account.state.setLocalFiles([], of: id)
    _ = try await account.state.endMatching([id])
    try await account.state.endRebuilding()
  }
}
