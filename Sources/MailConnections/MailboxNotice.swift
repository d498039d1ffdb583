import IMAPProtocol
import MailModel
import NIOCore

/// What a server tells without having been asked at that moment, while NOTIFY is set (RFC 5465 section 5).
package enum MailboxNotice: Hashable, Sendable {
  /// `* STATUS Lists/swift (MESSAGES 7 UIDNEXT 8 HIGHESTMODSEQ 12)`: some numbers of a mailbox that is not selected.
  case status(MailboxName, MailboxStatus)
  /// `* LIST (\NonExistent) "/" New`: it was made, renamed or deleted.
  case listed(ListEntry)
  /// Something happened in the selected mailbox, of which `IMAPConnection.mailboxState` knows more.
  case selected
  /// `* OK [NOTIFICATIONOVERFLOW]`: the server has ceased to tell.
  case overflow
  /// Some of what there was to tell is lost; the server goes on telling.
  case gap

  init?(_ untagged: Untagged) {
    switch untagged {
    case .status(let name, let status): self = .status(name, status)
    case .list(let entry): self = .listed(entry)
    case .exists, .expunge, .vanished(earlier: false, _), .fetch: self = .selected
    case .condition(_, let text) where text.code == .notificationOverflow: self = .overflow
    case .condition(.no, let text) where text.isDovecotGap: self = .gap
    default: return nil
    }
  }

  /// Told by the selected mailbox's own responses where an operation is under way.
  var isOfSelected: Bool { self == .selected }
}

extension ResponseText {
  /// Dovecot 2.3 cannot always read its own log of changes, and says so in words alone:
  /// `* NO NOTIFY error, some events may have got lost`.
  var isDovecotGap: Bool { text.hasPrefix("NOTIFY error") }
}

extension IMAPConnection {
  /// Has the server tell of changes in all mailboxes from now on, whatever else the connection does meanwhile; what it
  /// tells goes to `onNotice`, which is called on the event loop and must be brief. Throws where the server refuses:
  /// `NO [BADEVENT]`, `NO [NOTIFICATIONOVERFLOW]`, `BAD`.
  package func notify(
    _ request: NotifyRequest, onNotice: @escaping @Sendable (MailboxNotice) -> Void
  ) async throws {
    execute { $0.onNotice = onNotice }
    do {
      try await run { PlainOperation(.notify(request), $0) }
    } catch {
      execute { $0.onNotice = nil }
      throw error
    }
  }
}
