import MailModel
import SyncPlanner
import SyncState

/// Ends the first comparison of files that were here with the server, when all mailboxes have been looked at: what has
/// no counterpart is new, and may be sent. After a lost state two things wait for the person's word: a file whose message
/// the server has in another mailbox, since it may have been moved there meanwhile; and a large part of all, since the
/// account may be another than the one that the mail came from.
struct MatchingEnd: Sendable {
  let account: OpenAccount

  /// Returns whether there are files that may be sent now.
  func run() async throws -> Bool {
    let state = account.state
    let matched = try await state.matchedMailboxes()
    let isRebuilding = try await state.rebuilding().isUnderWay
    if isRebuilding, !matched.isEmpty, account.settings.policy.direction == .twoWay {
      let counts = try await state.matchingCounts()
      let limits = account.settings.policy.hold
      let isMost =
        counts.files > limits.count
        && Double(counts.files) > limits.share * Double(counts.files + counts.messages)
      for mailbox in matched {
        if isMost {
          try await hold(
            state.localFiles(of: mailbox), in: mailbox,
            reason: "the state was rebuilt, and the server has none of \(counts.files) messages of the account")
        } else {
          try await hold(
            state.straysElsewhere(in: mailbox), in: mailbox,
            reason: "the state was rebuilt, and the server has these messages in other mailboxes")
        }
      }
    }
    let hasFiles = matched.isEmpty ? false : try await state.endMatching(matched)
    if isRebuilding { try await state.endRebuilding() }
    return hasFiles && account.settings.policy.direction == .twoWay
  }

  private func hold(_ files: [LocalFile], in mailbox: Int64, reason: String) async throws {
    guard !files.isEmpty else { return }
    try await account.state.hold([], files: files, in: mailbox, kind: "uploads", reason: reason, now: account.now())
  }
}
