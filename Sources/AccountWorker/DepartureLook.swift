import MailConnections
import MailModel
import SyncState

/// Looks, before any round of a pass, at the mailboxes that have lost messages, so that a message that another client
/// moved is known as departed when it is found in its new mailbox, whichever of the two has its round first.
struct DepartureLook: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection
  var queue: WorkQueue?

  /// - Parameter time: when the listing of the mailboxes began; nanoseconds since 1970.
  func run(_ mailboxes: [LinkedMailbox], before time: Int64) async throws {
    for item in mailboxes where item.hasLost {
      if let queue, await !queue.reserve(item.record.id) { continue }
      do {
        try await look(at: item, time)
        await queue?.release(item.record.id)
      } catch {
        await queue?.release(item.record.id)
        // The mailbox's own round meets it again, and says so.
        guard connection.isOpen, SyncFailure(error, account: account.settings.name, location: "").scope != .account
        else { throw error }
      }
    }
  }

  private func look(at item: LinkedMailbox, _ time: Int64) async throws {
    let mailbox = try await account.mirrored(item.record, specialUse: item.listed.entry.specialUse)
    try await MailboxRound(account: account, connection: connection, mailbox: mailbox, isDryRun: false)
      .noteDepartures(at: time - 1)
  }
}

extension LinkedMailbox {
  /// Fewer messages are there than were, with as many more as UIDs were given since.
  fileprivate var hasLost: Bool {
    guard let checkpoint = record.checkpoint, let known = checkpoint.uidNext, let status = listed.status,
      status.uidValidity == record.uidValidity, let next = status.uidNext, let messages = status.messages
    else { return false }
    return Int64(messages) < Int64(checkpoint.messages) + Int64(next) - Int64(known)
  }

  /// Messages came since the last round.
  var hasNews: Bool {
    guard let known = record.checkpoint?.uidNext, let next = listed.status?.uidNext else { return true }
    return next > known
  }
}
