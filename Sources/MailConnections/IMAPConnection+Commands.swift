import IMAPProtocol
import MailModel

extension IMAPConnection {
  /// All mailboxes, with their numbers: in one command where the server can, which then gives the numbers of all;
  /// else with a STATUS for each that `wantsStatus` names.
  package func listMailboxes(
    wantsStatus: @escaping @Sendable (ListEntry) -> Bool
  ) async throws -> [ListedMailbox] {
    try await run { ListOperation(wantsStatus: wantsStatus, $0) }
  }

  /// Selects a mailbox. With `resync` and QRESYNC enabled, the changes of flags since that state go to `onFlags` in
  /// batches of at most 1,000, and what vanished is in the selection. `listsUIDs` asks for all UIDs in the same breath.
  package func select(
    _ mailbox: MailboxName, readOnly: Bool, resync: QResyncParameters?, listsUIDs: Bool = false,
    onFlags: ([MessageAttributes]) async throws -> Void
  ) async throws -> Selection {
    let command = Command.select(
      mailbox, readOnly: readOnly, condStore: capabilities.hasCondStore,
      resync: facts.hasEnabledQResync ? resync : nil)
    let (queue, shared) = (BatchQueue(), shared)
    return try await run(
      batches: queue, { SelectOperation(command, listsUIDs: listsUIDs, shared, queue, $0) }, onBatch: onFlags)
  }

  /// All UIDs of the selected mailbox: a complete listing, or an error.
  package func existingUIDs() async throws -> ExistingUIDs {
    let shared = shared
    return try await run { SearchOperation(shared, $0) }
  }

  /// Attributes of messages of the selected mailbox, in batches of at most 1,000, in the server's order.
  package func fetchAttributes(
    _ uids: UIDSet, _ items: FetchItems, changedSince: ModSequence? = nil, vanished: Bool = false,
    onBatch: ([MessageAttributes]) async throws -> Void
  ) async throws -> FetchOutcome {
    let (queue, allocator) = (BatchQueue(), allocator)
    return try await run(
      batches: queue,
      {
        FetchOperation(uids, items, changedSince: changedSince, vanished: vanished, queue, allocator, $0)
      }, onBatch: onBatch)
  }

  /// Streams messages of the selected mailbox. The batches are pipelined, at most `pipelineDepth` commands unanswered.
  package func fetchMessages(
    _ batches: [UIDSet], into receiver: any MessageReceiver, pipelineDepth: Int = 4
  ) async throws -> FetchMessagesOutcome {
    let streams = bodyStreams
    return try await run {
      MessagesOperation(batches, into: receiver, pipelineDepth: pipelineDepth, stream: streams(), $0)
    }
  }

  package func status(_ mailbox: MailboxName) async throws -> MailboxStatus {
    let items = ListOperation.statusItems(capabilities)
    return try await run { StatusOperation(mailbox, items, $0) }
  }

  package func noop() async throws {
    try await run { PlainOperation(.noop, patience: .seconds(30), $0) }
  }
}
