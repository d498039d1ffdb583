import LinuxFiles
import MailModel
import Maildir
import SyncState

/// The last look before a disappearance becomes a deletion: at all folders, now, and in each while it stands still. A file
/// may have got another name in another folder: one that no scan has met and that may be it is scanned first.
struct DisappearanceCheck: Sendable {
  let account: OpenAccount

  /// Those of the rows whose base names are in no folder. What is found somewhere is left to the next scan. Nil where a
  /// folder does not stand still for long enough to say.
  func run(_ rows: [MessageRecord]) async throws -> [MessageRecord]? {
    guard !rows.isEmpty else { return [] }
    let names = Set(rows.map(\.baseName))
    let sizes = Set(rows.map(\.diskSize))
    var found: Set<[UInt8]> = []
    var metNow: Set<Int64> = []
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
      let strange = try await strangeSizes(in: mailbox).intersection(sizes)
      if !loose.isEmpty || !strange.isEmpty { try await account.state.forgetScan(of: record.id) }
      found.formUnion(loose)
      metNow.formUnion(strange)
    }
    return rows.filter { !found.contains($0.baseName) && !metNow.contains($0.diskSize) }
  }

  /// The sizes of those files of a folder that no scan has met, in octets.
  private func strangeSizes(in mailbox: MirroredMailbox) async throws -> Set<Int64> {
    let (state, folder, clock) = (account.state, mailbox.folder, account.clock)
    let stamp = try await account.pool.run { try folder.stamp(clock: clock) }
    if mailbox.record.scan?.allowsSkipping(now: stamp) == true { return [] }
    var known = SeenNames()
    for file in try await state.localFiles(of: mailbox.record.id) { known.insert(file.baseName) }
    var last: MessageRecord?
    while true {
      let page = try await state.page(of: mailbox.record.id, after: last)
      guard let end = page.last else { break }
      for row in page { known.insert(row.baseName) }
      last = end
    }
    let strangers = try await account.pool.run { [known] in try folder.files(besides: known) }
    return Set(strangers.compactMap(\.status?.size))
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
