import MailModel
import SyncPlanner
import SyncState

/// Ends the first comparison of files that were here with the server, when all mailboxes have been looked at: what has
/// no counterpart is new, and may be sent. After a lost state two things wait for the person's word: a file whose message
/// the server has in another mailbox, since it may have been moved there meanwhile; and a large part of a folder, since
/// the account may be another than the one that the mail came from.
struct MatchingEnd: Sendable {
  let account: OpenAccount

  /// Returns whether there are files that may be sent now.
  func run() async throws -> Bool {
    let state = account.state
    let matched = try await state.matchedMailboxes()
    guard !matched.isEmpty else { return false }
    if try await state.rebuilding().isUnderWay {
      for mailbox in matched {
        try await hold(in: mailbox)
      }
    }
    return try await state.endMatching(matched) && account.settings.policy.direction == .twoWay
  }

  private func hold(in mailbox: Int64) async throws {
    let state = account.state
    let limits = account.settings.policy.hold
    let files = try await state.localFiles(of: mailbox)
    let known = try await state.messageCount(of: mailbox).remote
    if files.count > limits.count, Double(files.count) > limits.share * Double(files.count + known) {
      try await state.hold(
        [], files: files, in: mailbox, kind: "uploads",
        reason: "the state was rebuilt, and the server has none of \(files.count) messages here", now: account.now())
      return
    }
    let elsewhere = try await state.straysElsewhere(in: mailbox)
    guard !elsewhere.isEmpty else { return }
    try await state.hold(
      [], files: elsewhere, in: mailbox, kind: "uploads",
      reason: "the state was rebuilt, and the server has these messages in other mailboxes", now: account.now())
  }
}
