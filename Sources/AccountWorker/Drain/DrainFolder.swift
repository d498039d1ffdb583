import LinuxFiles
import MailModel
import Maildir
import SyncState

/// The folder that an account is drained into.
struct DrainFolder: Sendable {
  let account: OpenAccount
  let drain: DrainSettings

  /// Opens it, or makes it the first time; one that is missing later is an error, never made again.
  func open() async throws -> MirroredMailbox {
    let (name, state) = (drain.deliverTo, account.state)
    if let record = try await state.mailboxes().first(where: { $0.name == name }) {
      return try await account.mirrored(record)
    }
    let (root, layout) = (account.root, account.settings.layout)
    let path: FolderPath
    do {
      path = try layout.folder(for: name, separator: UInt8(ascii: "/"))
    } catch {
      throw SyncFailure(
        scope: .account, retry: .never, location: account.settings.name, what: "mail cannot be delivered to \(name)",
        remedy: "name another folder with deliver_to")
    }
    _ = try await account.pool.run { try MaildirFolder.create(in: root, at: path, layout: layout) }
    let record = try await state.addMailbox(name, delimiter: UInt8(ascii: "/"), folder: path.stored)
    return try await account.mirrored(record)
  }

  /// How many messages it has, and how many without the Seen flag.
  func count(_ mailbox: MirroredMailbox) async throws -> (files: Int, unseen: Int) {
    try await account.pool.run {
      var (files, unseen) = (0, 0)
      try mailbox.folder.scan(withStatus: false) { entries in
        files += entries.count
        unseen += entries.count { !$0.parsed.flags.contains(.seen) }
      }
      return (files, unseen)
    }
  }
}
