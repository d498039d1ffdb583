import IMAPProtocol
import Logging
import MailModel
import NIOCore
import Transport

/// One authenticated session with an IMAP server. Calls are served one after the other; a task that is cancelled in
/// one of them closes the connection.
package final class IMAPConnection: Sendable {
  package let capabilities: CapabilitySet
  package let facts: SessionFacts

  package static func open(
    _ endpoint: IMAPEndpoint, group: any EventLoopGroup, budget: InFlightBudget, logger: Logger
  ) async throws -> IMAPConnection { throw ConnectionError.closed }

  init(capabilities: CapabilitySet, facts: SessionFacts) {
    self.capabilities = capabilities
    self.facts = facts
  }

  package var isOpen: Bool { false }
  /// Inside TLS.
  package var octets: (received: UInt64, sent: UInt64) { (0, 0) }
  /// What untagged responses have said of the selected mailbox since it was selected.
  package var mailboxState: MailboxState { MailboxState() }

  package func listMailboxes(
    wantsStatus: @Sendable @escaping (ListEntry) -> Bool
  ) async throws -> [ListedMailbox] { throw ConnectionError.closed }

  package func select(
    _ mailbox: MailboxName, readOnly: Bool, resync: QResyncParameters?,
    onFlags: @Sendable ([MessageAttributes]) async throws -> Void
  ) async throws -> Selection { throw ConnectionError.closed }

  package func existingUIDs() async throws -> ExistingUIDs { throw ConnectionError.closed }

  package func fetchAttributes(
    _ uids: UIDSet, _ items: FetchItems, changedSince: ModSequence? = nil, vanished: Bool = false,
    onBatch: @Sendable ([MessageAttributes]) async throws -> Void
  ) async throws -> FetchOutcome { throw ConnectionError.closed }

  package func fetchMessages(
    _ batches: [UIDSet], into receiver: any MessageReceiver, pipelineDepth: Int = 4
  ) async throws -> FetchMessagesOutcome { throw ConnectionError.closed }

  package func status(_ mailbox: MailboxName) async throws -> MailboxStatus { throw ConnectionError.closed }
  package func noop() async throws {}
  package func logout() async {}
  package func close() {}
}
