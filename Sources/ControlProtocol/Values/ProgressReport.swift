/// How far an account's sync is: `Progress` of the interface.
package struct ProgressReport: Codable, Equatable, Sendable {
  package var account: String
  /// The mailbox that is at work; empty before the first.
  package var mailbox: String
  package var messagesDone: Int
  package var messagesTotal: Int
  package var octets: Int64
  /// To the server, of so many.
  package var sent: Int
  package var toSend: Int
  package var mailboxesDone: Int
  package var mailboxesTotal: Int

  package init(
    account: String, mailbox: String = "", messagesDone: Int = 0, messagesTotal: Int = 0, octets: Int64 = 0,
    sent: Int = 0, toSend: Int = 0, mailboxesDone: Int = 0, mailboxesTotal: Int = 0
  ) {
    self.account = account
    self.mailbox = mailbox
    self.messagesDone = messagesDone
    self.messagesTotal = messagesTotal
    self.octets = octets
    self.sent = sent
    self.toSend = toSend
    self.mailboxesDone = mailboxesDone
    self.mailboxesTotal = mailboxesTotal
  }
}
