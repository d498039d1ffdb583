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
    var (lost, damaged): ([Int64], [DamagedFile]) = ([], [])
    // A rename while a directory is read can hide a file from it: what is not seen in the first pass gets a second.
    for _ in 0..<2 {
      damaged = []
      try await DrainFolders(account: account).forEach { folder, entries in
        damaged += try await compare(entries, in: folder, whole)
      }
      lost = try await lostRows(whole)
      if lost.isEmpty { break }
    }
    let rows = Set(lost)
    return (lost, damaged.filter { rows.contains($0.row.id) })
  }

  private func compare(
    _ entries: [ScanEntry], in folder: MaildirFolder, _ whole: SeenRows
  ) async throws -> [DamagedFile] {
    let rows = try await account.state.messages(baseNames: entries.map { $0.parsed.base.bytes })
    var damaged: [DamagedFile] = []
    for (entry, candidates) in zip(entries, rows) {
      let suspects = candidates.filter { account.state.isSuspect(session: $0.session) && !whole.contains($0.id) }
      guard !suspects.isEmpty else { continue }
      let content = try await account.pool.run { try folder.content(of: entry)?.digests }
      for row in suspects {
        if content == row.digests {
          whole.insert(row.id)
        } else {
          damaged.append(DamagedFile(row: row, folder: folder, entry: entry))
        }
      }
    }
    return damaged
  }

  private func lostRows(_ whole: SeenRows) async throws -> [Int64] {
    var (lost, last): ([Int64], Int64) = ([], 0)
    while true {
      let page = try await account.state.drainedMessages(after: last)
      guard let end = page.last else { return lost }
      last = end.id
      lost += page.filter { account.state.isSuspect(session: $0.session) && !whole.contains($0.id) }.map(\.id)
    }
  }
}
