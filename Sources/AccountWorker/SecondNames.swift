import Maildir
import SyncState

/// After a power cut: leaves each file of a folder one name, that of its row where it has one. What the name said that
/// did not come through is found again, since its commit comes after the sync of the directories.
struct SecondNames: Sendable {
  let account: OpenAccount
  let mailbox: MirroredMailbox

  /// Longer than a mail program, which links and unlinks, leaves a file with two names.
  private static let pause = Duration.milliseconds(50)

  func remove() async throws {
    let (folder, names) = (mailbox.folder, account.names)
    guard try await account.pool.run({ try !folder.doubledEntries().isEmpty }) else { return }
    try await Task.sleep(for: Self.pause)
    let doubled = try await account.pool.run { try folder.doubledEntries() }
    let rows = try await account.state.messages(baseNames: doubled.map { $0[0].parsed.base.bytes })
    let extras = zip(doubled, rows).map { entries, rows in
      let kept =
        entries.first { entry in rows.contains { $0.mailbox == mailbox.record.id && $0.isNamed(entry) } }
        ?? entries.first { $0.subdirectory == .cur } ?? entries[0]
      return (kept: kept, others: entries.filter { $0 != kept })
    }
    try await account.pool.run {
      for (kept, others) in extras {
        for extra in others { try folder.removeSecondName(extra, beside: kept, unique: names.next()) }
      }
      try folder.syncDirectories()
    }
    account.logger.notice(
      "\(mailbox.location): the power cut left \(doubled.count) files under two names; they have one again")
  }
}

extension MessageRecord {
  fileprivate func isNamed(_ entry: ScanEntry) -> Bool {
    fileName == entry.name.bytes && isInCur == (entry.subdirectory == .cur)
  }
}
