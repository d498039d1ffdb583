import IMAPProtocol
import MailModel
import NIOCore

/// SELECT or EXAMINE, with what changed since a known state where QRESYNC is enabled (RFC 7162 section 3.2.5):
///
///     * OK [CLOSED] Previous mailbox closed.
///     * 14 EXISTS
///     * OK [UIDVALIDITY 1746600938] UIDs valid
///     * VANISHED (EARLIER) 41,43:116
///     * 49 FETCH (UID 117 FLAGS (\Seen) MODSEQ (90060115))
final class SelectOperation: Operation {
  private let command: Command
  private let shared: SharedState
  private let queue: BatchQueue
  private let promise: EventLoopPromise<Selection>
  /// UID SEARCH for all messages goes out right behind, for the price of no further round trip.
  private let listsUIDs: Bool
  private var sent = 0
  private var listed = UIDSetGatherer()
  private var selection = Selection()
  private var vanished = UIDSetGatherer()
  private var batcher: AttributeBatcher
  private var unreadable = UnreadableParts()
  let name: String

  init(
    _ command: Command, listsUIDs: Bool, _ shared: SharedState, _ queue: BatchQueue,
    _ promise: EventLoopPromise<Selection>
  ) {
    self.command = command
    self.listsUIDs = listsUIDs
    self.shared = shared
    self.queue = queue
    self.promise = promise
    batcher = AttributeBatcher(queue)
    name = command.name
    if case .select(_, readOnly: true, _, _) = command { selection.isReadOnly = true }
  }

  var holdsReading: Bool { queue.isFull }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    sent += 1
    switch sent {
    case 1:
      shared.update { $0.mailbox = MailboxState() }
      return command
    case 2 where listsUIDs: return .uidSearch(nil, esearch: capabilities.hasESearch)
    default: return nil
    }
  }

  func received(_ untagged: Untagged) {
    switch untagged {
    case .exists(let count): selection.exists = count
    case .condition(.ok, let text): note(text.code)
    case .vanished(earlier: true, let uids): vanished.insert(uids)
    case .search(let uids, _): listed.insert(uids)
    case .esearch(let result): if let all = result.all { listed.insert(all) }
    case .malformed(let part): unreadable.note(part)
    default: break
    }
  }

  private func note(_ code: ResponseCode?) {
    switch code {
    case .closed?: shared.update { $0.mailbox = MailboxState() }
    case .uidValidity(let value)?: selection.uidValidity = value
    case .uidNext(let value)?: selection.uidNext = value
    case .highestModSequence(let value)?: selection.highestModSequence = value
    case .noModSequence?: selection.noModSequence = true
    case .permanentFlags(let flags, let allowsNew)?:
      selection.permanentFlags = flags
      selection.allowsNewKeywords = allowsNew
    case .mailboxID(let id)?: selection.mailboxID = id
    case .readOnly?: selection.isReadOnly = true
    default: break
    }
  }

  func received(_ fetched: FetchedAttributes) -> Bool {
    guard fetched.uid != nil else { return false }
    batcher.add(MessageAttributes(fetched))
    return true
  }

  func answered(_ command: Command, _ tagged: Tagged) throws {
    if case .select = command { note(tagged.text.code) }
    try tagged.requireOK(command)
  }

  func complete() {
    do {
      try unreadable.requireNone(for: name)
      guard !vanished.overflowed, !listed.overflowed else {
        throw ConnectionError.incomplete(command: name, "too many ranges")
      }
      selection.vanished = vanished.set
      selection.unreadable = unreadable.uids.set
      selection.exists = shared.mailbox.exists
      if listsUIDs { selection.listing = ExistingUIDs(uids: listed.set, exists: shared.mailbox.exists) }
      batcher.end()
      promise.succeed(selection)
    } catch {
      fail(error)
    }
  }

  func fail(_ error: any Error) {
    queue.end()
    promise.fail(error)
  }
}
