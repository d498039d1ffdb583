import Logging
import MailModel
import Maildir
import SyncState

/// After a power cut: files that the last session delivered are looked at before their messages are deleted on the
/// server. One that is damaged goes to quarantine, and what is not here any more is fetched again.
struct DrainPowerCut: Sendable {
  let account: OpenAccount

  func run() async throws {
    let state = account.state
    guard state.sessionLostToPowerCut != nil else { return }
    let records = try await state.mailboxes()
    let found = try await damage()
    for file in found.damaged {
      guard let record = records.first(where: { $0.id == file.row.mailbox }) else { continue }
      try await account.setAside(file.entry, in: file.folder, of: record, reason: "damaged by a power cut")
    }
    try await state.forget(found.lost, event: .refetched, detail: "its file went with the power")
    if !found.lost.isEmpty {
      account.logger.warning(
        "\(account.settings.name): \(found.lost.count) files went with the power; they are fetched again",
        metadata: account.metadata())
    }
    try await state.clearSuspicion()
  }

  private struct DamagedFile {
    let row: MessageRecord
    let folder: MaildirFolder
    let entry: ScanEntry
  }

  /// The rows of which no file is whole, and what files they have.
  private func damage() async throws -> (lost: [Int64], damaged: [DamagedFile]) {
    let whole = SeenRows(highest: try await account.state.highestMessageID())
    let folders = DrainFolders(account: account)
    for _ in 0..<5 {
      var damaged: [DamagedFile] = []
      try await folders.forEach { folder, entries in damaged += try await compare(entries, in: folder, whole) }
      let open = try await openRows(whole)
      let hasFile = Set(damaged.map(\.row.id))
      // A rename can hide a file from the reading of a directory, or from its own.
      guard let present = try await folders.presence(of: open.filter { !hasFile.contains($0.id) }) else { continue }
      present.withContent.forEach(whole.insert)
      guard present.named.isSubset(of: present.withContent) else { continue }
      let lost = Set(open.map(\.id)).subtracting(present.withContent)
      return (Array(lost), damaged.filter { lost.contains($0.row.id) })
    }
    throw MaildirError.restless(path: account.root.path)
  }

  private func compare(
    _ entries: [ScanEntry], in folder: MaildirFolder, _ whole: SeenRows
  ) async throws -> [DamagedFile] {
    let rows = try await account.state.messages(baseNames: entries.map { $0.parsed.base.bytes })
    var damaged: [DamagedFile] = []
    for (entry, candidates) in zip(entries, rows) {
      let suspects = candidates.filter { account.state.isSuspect(session: $0.session) && !whole.contains($0.id) }
      guard !suspects.isEmpty else { continue }
      guard let content = try await account.pool.run({ try folder.content(of: entry) }) else { continue }
      for row in suspects {
        if content.digests == row.digests {
          whole.insert(row.id)
        } else {
          damaged.append(DamagedFile(row: row, folder: folder, entry: entry))
        }
      }
    }
    return damaged
  }

  /// The suspects of which no whole file was seen.
  private func openRows(_ whole: SeenRows) async throws -> [MessageRecord] {
    var (open, last): ([MessageRecord], Int64) = ([], 0)
    while true {
      let page = try await account.state.drainedMessages(after: last)
      guard let end = page.last else { return open }
      last = end.id
      open += page.filter { account.state.isSuspect(session: $0.session) && !whole.contains($0.id) }
    }
  }
}
