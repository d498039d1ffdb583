import LinuxFiles
import MailModel
import Maildir
import SyncState

/// The last look before a disappearance becomes a deletion: at all folders, now, and in each while it stands still.
struct DisappearanceCheck: Sendable {
  let account: OpenAccount

  /// Those of the rows whose base names are in no folder. What is found somewhere is left to the next scan, but where the
  /// file is known as another message: an edited one that was moved keeps its base name.
  func run(_ rows: [MessageRecord]) async throws -> [MessageRecord] {
    guard !rows.isEmpty else { return [] }
    let names = Set(rows.map(\.baseName))
    var found: Set<[UInt8]> = []
    for record in try await account.state.mailboxes() {
      let mailbox: MirroredMailbox
      do {
        mailbox = try await account.mirrored(record)
      } catch MaildirError.folderMissing {
        // What was in it is missing too, and held with it.
        continue
      }
      let (folder, clock) = (mailbox.folder, account.clock)
      guard let here = try await account.pool.run({ try folder.present(names, clock: clock) }) else {
        account.logger.info(
          "\(mailbox.location): its files are being renamed; deletions wait", metadata: account.metadata())
        return []
      }
      let unknown = try await here.subtracting(account.state.known(here, in: record.id))
      if !unknown.isEmpty { try await account.state.forgetScan(of: record.id) }
      found.formUnion(unknown)
    }
    return rows.filter { !found.contains($0.baseName) }
  }
}
