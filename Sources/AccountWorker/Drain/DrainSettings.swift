import MailModel
import SyncPlanner

/// What a POP3 account has besides its place, its folder and its server.
package struct DrainSettings: Sendable {
  package var policy: DrainPolicy
  /// The mailbox whose folder gets the mail, `/` between its parts.
  package var deliverTo: MailboxName
  /// A message that is kept on the server is deleted there when its file is deleted here.
  package var deletesOnServer: Bool

  package init(policy: DrainPolicy, deliverTo: MailboxName, deletesOnServer: Bool) {
    self.policy = policy
    self.deliverTo = deliverTo
    self.deletesOnServer = deletesOnServer
  }
}
