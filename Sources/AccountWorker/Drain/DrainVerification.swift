import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// Compares a maildrop with what was drained from it and is there still. What the server has no more is the person's
/// alone, and has no other side to compare it with.
struct DrainVerification: Sendable {
  let account: OpenAccount
  let drain: DrainSettings
  let connection: POP3Connection
  /// Every file is read as well.
  let isFull: Bool

  func run() async throws -> VerificationReport {
    let look = try await MaildropLook.read(connection, account, drain.policy)
    try? await connection.quit()
    let mailbox = try await DrainFolder(account: account, drain: drain).open()
    var report = VerificationReport(mailbox: mailbox.location)
    report.onServer = look.count
    report.inFolder = try await DrainFolder(account: account, drain: drain).count(mailbox).files
    try await compareFiles(&report)
    if look.totals.tooLarge > 0 {
      report.explained.append("\(look.totals.tooLarge) messages on the server are larger than size_limit")
    }
    let waiting = look.totals.fetches
    if waiting > 0 { report.differences.append("\(waiting) messages on the server are not here yet") }
    let uncertain = try await account.state.uncertainDeletions()
    if uncertain > 0 {
      report.explained.append("whether the server has deleted \(uncertain) messages that are here is not known yet")
    }
    return report
  }

  private func compareFiles(_ report: inout VerificationReport) async throws {
    let highest = try await account.state.highestMessageID()
    let (seen, same) = (SeenRows(highest: highest), SeenRows(highest: highest))
    // A rename while a directory is read can hide a file from it.
    for _ in 0..<2 {
      try await DrainFolders(account: account).forEach { try await look(at: $1, in: $0, seen, same) }
    }
    var last: Int64 = 0
    while true {
      let page = try await account.state.drainedMessages(after: last)
      guard let end = page.last else { return }
      last = end.id
      report.inState += page.count
      for row in page {
        let name = String(decoding: row.baseName, as: UTF8.self)
        if !seen.contains(row.id) {
          report.explained.append("\(name) was removed or renamed here; the server has the message still")
        } else if isFull, !same.contains(row.id) {
          report.explained.append("\(name) was changed here since it was fetched")
        }
      }
    }
  }

  private func look(
    at entries: [ScanEntry], in folder: MaildirFolder, _ seen: SeenRows, _ same: SeenRows
  ) async throws {
    let rows = try await account.state.messages(baseNames: entries.map { $0.parsed.base.bytes })
    for (entry, candidates) in zip(entries, rows) where !candidates.isEmpty {
      for row in candidates { seen.insert(row.id) }
      let open = candidates.filter { !same.contains($0.id) }
      guard isFull, !open.isEmpty else { continue }
      let content = try await account.pool.run { try folder.content(of: entry)?.digests }
      for row in open where row.digests == content { same.insert(row.id) }
    }
  }
}
