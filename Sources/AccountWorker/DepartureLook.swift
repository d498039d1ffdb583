import IMAPProtocol
import MailConnections
import MailModel
import SyncState

/// Looks, before any round of a pass, at the mailboxes that have lost messages, so that a message that another client
/// moved is known as departed when it is found in its new mailbox, whichever of the two has its round first.
struct DepartureLook: Sendable {
  enum Answer {
    case departed(Int)
    /// Another turn is in the mailbox.
    case busy
    /// What is missing there can't be said now.
    case unknown
  }

  let account: OpenAccount
  let connection: IMAPConnection
  var queue: WorkQueue?
  /// The mailbox whose status says nothing.
  var selected: MailboxName?

  /// Returns how many messages were found to have left.
  func run(_ mailboxes: [LinkedMailbox]) async throws -> Int {
    var count = 0
    let seen = connection.mailboxState
    let hasSeenLoss = seen.sawExpunge || !seen.vanished.isEmpty
    for item in mailboxes where item.hasLost || (hasSeenLoss && item.record.name == selected) {
      let answer = try await look(at: item.record, specialUse: item.listed.entry.specialUse)
      if case .departed(let number) = answer { count += number }
    }
    return count
  }

  /// Notes what has left one mailbox.
  func look(at record: MailboxRecord, specialUse: SpecialUse? = nil) async throws -> Answer {
    if let queue, await !queue.reserve(record.id) { return .busy }
    do {
      let mailbox = try await account.mirrored(record, specialUse: specialUse)
      let round = MailboxRound(account: account, connection: connection, mailbox: mailbox, isDryRun: false)
      let count = try await round.noteDepartures()
      await queue?.release(record.id)
      return count.map(Answer.departed) ?? .unknown
    } catch {
      await queue?.release(record.id)
      // The mailbox's own round meets it again, and says so.
      guard connection.isOpen, SyncFailure(error, account: account.settings.name, location: "").scope != .account
      else { throw error }
      return .unknown
    }
  }
}

extension LinkedMailbox {
  /// Fewer messages are there than were, with as many more as UIDs were given since.
  var hasLost: Bool {
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

  /// Messages came since the last round, of which there was one.
  var hasKnownNews: Bool { record.checkpoint?.uidNext != nil && listed.status?.uidNext != nil && hasNews }
}
