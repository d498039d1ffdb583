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
    let rows = try await state.drainedMessages().filter { state.isSuspect(session: $0.session) }
    let found = try await DrainFolders(account: account).find(Set(rows.map(\.baseName)))
    var lost: [Int64] = []
    for row in rows {
      let files = found[row.baseName] ?? []
      let isWhole = try await account.pool.run {
        try files.contains { try $0.folder.content(of: $0.entry)?.digests == row.digests }
      }
      guard !isWhole else { continue }
      lost.append(row.id)
      guard let record = records.first(where: { $0.id == row.mailbox }) else { continue }
      for file in files {
        try await account.setAside(file.entry, in: file.folder, of: record, reason: "damaged by a power cut")
      }
    }
    try await state.forget(lost, event: .refetched, detail: "its file went with the power")
    if !lost.isEmpty {
      account.logger.warning(
        "\(account.settings.name): \(lost.count) files went with the power; they are fetched again",
        metadata: account.metadata())
    }
    try await state.clearSuspicion()
  }
}
