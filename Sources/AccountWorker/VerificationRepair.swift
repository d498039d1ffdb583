import SyncState

/// Mends what a comparison found and has a safe mend, so that the next sync fetches it: nothing is removed that does not
/// go to quarantine first.
struct VerificationRepair: Sendable {
  let account: OpenAccount
  let mailbox: MirroredMailbox

  /// What was done, a line each.
  func run(_ mends: Verification.Mends) async throws -> [String] {
    var lines: [String] = []
    for start in stride(from: 0, to: mends.damaged.count, by: Self.batch) {
      let part = Array(mends.damaged[start..<min(start + Self.batch, mends.damaged.count)])
      try await RemovalRound(account: account, mailbox: mailbox).setAsideDamaged(part)
    }
    if !mends.damaged.isEmpty {
      lines.append("\(mends.damaged.count) damaged files went to quarantine; the messages are fetched again")
    }
    if !mends.missing.isEmpty {
      // One that another folder has was moved, which is for a sync to follow.
      let rows = try await account.state.messages(ids: mends.missing)
      let gone = try await DisappearanceCheck(account: account).run(rows) ?? []
      try await account.state.forget(
        gone.map(\.id), event: .refetched, detail: "its file was missing; asked for by verify --repair")
      if !gone.isEmpty { lines.append("\(gone.count) messages whose files were missing are fetched again") }
    }
    if mends.lists {
      try await account.state.forgetCheckpoint(of: mailbox.record.id)
      lines.append("the mailbox is listed in full and compared anew")
    }
    return lines
  }

  private static let batch = 256
}
