import LinuxFiles
import MailModel
import Maildir
import SyncState

/// The last look before a disappearance becomes a deletion: at all folders, now, and in each while it stands still.
struct DisappearanceCheck: Sendable {
  let account: OpenAccount

  /// Those of the rows whose base names are in no folder. What is found somewhere is left to the next scan. Nil where a
  /// folder does not stand still for long enough to say.
  func run(_ rows: [MessageRecord]) async throws -> [MessageRecord]? {
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
      let folder = mailbox.folder
      guard let here = try await account.pool.run({ try folder.present(names) }) else {
        account.logger.info(
          "\(mailbox.location): its files are being renamed; deletions wait", metadata: account.metadata())
        return nil
      }
      let loose = try await withoutOwner(here, in: record.id)
      if !loose.isEmpty { try await account.state.forgetScan(of: record.id) }
      found.formUnion(loose)
    }
    return rows.filter { !found.contains($0.baseName) }
  }

  /// Those of the names that are not the file of another row, which came to the folder under the same name.
  private func withoutOwner(_ names: Set<[UInt8]>, in mailbox: Int64) async throws -> Set<[UInt8]> {
    let names = Array(names)
    let owners = try await account.state.messages(baseNames: names)
    return Set(
      zip(names, owners).filter { _, rows in
        !rows.contains { $0.mailbox == mailbox && $0.state == .present && !$0.pending.contains(.gone) }
      }.map(\.0))
  }
}
