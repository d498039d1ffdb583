import MailConnections
import MailModel
import Maildir
import SyncPlanner

/// All that a worker needs to know of its account; made from the configuration by the composition root.
package struct AccountSettings: Sendable {
  package var name: String
  package var endpoint: ServerEndpoint
  /// `user@host`, what the state remembers of where the mail comes from.
  package var server: String
  /// The account's Maildir root, absolute.
  package var root: String
  package var layout: FolderLayout
  package var stateDirectory: String
  package var selection: MailboxSelection
  /// Mailbox name to folder name, both as the person writes them.
  package var folderNames: [String: String]
  package var policy: SyncPolicy
  /// How long a local disappearance is watched before it counts as a deletion.
  package var settle: Duration
  /// Whether new local folders become mailboxes.
  package var createOnServer: Bool
  /// Seconds that quarantine keeps what was removed locally.
  package var keepDeleted: Int64
  package var connections: Int
  /// Whether a mailbox should get push of its own, by its name and its hierarchy delimiter.
  package var pushes: @Sendable (_ name: MailboxName, _ delimiter: Character?) -> Bool
  package var pollInterval: Duration
  /// Of a POP3 account; nil where mailboxes are mirrored.
  package var drain: DrainSettings?

  package init(
    name: String, endpoint: ServerEndpoint, server: String, root: String, layout: FolderLayout, stateDirectory: String,
    selection: MailboxSelection, folderNames: [String: String], policy: SyncPolicy, settle: Duration,
    createOnServer: Bool, keepDeleted: Int64,
    connections: Int, pushes: @escaping @Sendable (_ name: MailboxName, _ delimiter: Character?) -> Bool,
    pollInterval: Duration, drain: DrainSettings? = nil
  ) {
    self.name = name
    self.endpoint = endpoint
    self.server = server
    self.root = root
    self.layout = layout
    self.stateDirectory = stateDirectory
    self.selection = selection
    self.folderNames = folderNames
    self.policy = policy
    self.settle = settle
    self.createOnServer = createOnServer
    self.keepDeleted = keepDeleted
    self.connections = connections
    self.pushes = pushes
    self.pollInterval = pollInterval
    self.drain = drain
  }

  package var statePath: String { "\(stateDirectory)/\(name).sqlite" }
  package var lockPath: String { "\(stateDirectory)/\(name).lock" }
  package var quarantinePath: String { "\(stateDirectory)/quarantine/\(name)" }
}

/// Which mailboxes are mirrored.
package struct MailboxSelection: Sendable {
  package var subscribedOnly: Bool
  /// Whether the patterns select a mailbox, by its name and its hierarchy delimiter.
  package var selects: @Sendable (_ name: MailboxName, _ delimiter: Character?) -> Bool

  package init(
    subscribedOnly: Bool, selects: @escaping @Sendable (_ name: MailboxName, _ delimiter: Character?) -> Bool
  ) {
    self.subscribedOnly = subscribedOnly
    self.selects = selects
  }
}
