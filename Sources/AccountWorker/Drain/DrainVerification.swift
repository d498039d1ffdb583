import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncPlanner
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
    let rows = try await account.state.drainedMessages()
    var report = VerificationReport(mailbox: mailbox.location)
    report.onServer = look.count
    report.inState = rows.count
    report.inFolder = try await DrainFolder(account: account, drain: drain).count(mailbox).files
    try await compareFiles(rows, &report)
    for message in look.plan.tooLarge {
      report.explained.append("message \(message.number) on the server is larger than size_limit")
    }
    let waiting = look.plan.fetches.count
    if waiting > 0 { report.differences.append("\(waiting) messages on the server are not here yet") }
    let uncertain = try await account.state.drained().count { $0.departure == .uncertain && $0.absentListing == nil }
    if uncertain > 0 {
      report.explained.append("whether the server has deleted \(uncertain) messages that are here is not known yet")
    }
    return report
  }

  private func compareFiles(_ rows: [MessageRecord], _ report: inout VerificationReport) async throws {
    let found = try await DrainFolders(account: account).find(Set(rows.map(\.baseName)))
    for row in rows {
      let name = String(decoding: row.baseName, as: UTF8.self)
      guard let files = found[row.baseName] else {
        report.explained.append("\(name) was removed or renamed here; the server has the message still")
        continue
      }
      guard isFull else { continue }
      let isSame = try await account.pool.run {
        try files.contains { try $0.folder.content(of: $0.entry)?.digests == row.digests }
      }
      if !isSame { report.explained.append("\(name) was changed here since it was fetched") }
    }
  }
}
