import MailModel

/// The mailboxes of which NOTIFY asks to be told (RFC 5465 section 6): all that are the user's own, the ones named
/// besides, and the selected one, whose expunges come only where the protocol allows them anyway.
package struct NotifyRequest: Hashable, Sendable {
  /// Of other namespaces.
  package var others: [MailboxName]

  package init(others: [MailboxName] = []) { self.others = others }

  static let messages = "(MessageNew MessageExpunge FlagChange)"
  static let messagesAndNames = "(MessageNew MessageExpunge FlagChange MailboxName)"
}
