import IMAPProtocol
import MailModel
import NIOCore

/// All mailboxes with their subscriptions and numbers: one command where the server has LIST-EXTENDED and LIST-STATUS
/// (RFC 5258, RFC 5819), else LIST and LSUB together, then a STATUS for each mailbox that is wanted, pipelined.
final class ListOperation: Operation {
  private enum Stage {
    case listing
    case subscriptions
    case statuses
  }

  private let wantsStatus: @Sendable (ListEntry) -> Bool
  private let promise: EventLoopPromise<[ListedMailbox]>
  private var stage = Stage.listing
  private var isExtended = false
  private var hasStatus = false
  private var entries: [ListEntry] = []
  private var index: [MailboxName: Int] = [:]
  private var subscribed: Set<MailboxName> = []
  private var statuses: [MailboxName: MailboxStatus] = [:]
  private var toAsk: [MailboxName]?
  private var unreadable = UnreadableParts()
  private var isTooLong = false
  private static let limit = 100_000
  private static let pipelineDepth = 50
  let name = "LIST"

  init(wantsStatus: @escaping @Sendable (ListEntry) -> Bool, _ promise: EventLoopPromise<[ListedMailbox]>) {
    self.wantsStatus = wantsStatus
    self.promise = promise
  }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    let everything = Array("*".utf8)
    switch stage {
    case .listing:
      isExtended = capabilities.hasListExtended
      hasStatus = isExtended && capabilities.hasListStatus
      stage = isExtended ? .statuses : .subscriptions
      var returning = ListReturn()
      if isExtended {
        returning.subscribed = true
        returning.specialUse = capabilities.hasSpecialUse
        if hasStatus { returning.status = Self.statusItems(capabilities) }
      }
      return .list(pattern: everything, returning: returning)
    case .subscriptions:
      stage = .statuses
      return .lsub(pattern: everything)
    case .statuses:
      guard !hasStatus else { return nil }
      if toAsk == nil {
        // The names are known only when the listing is complete.
        guard unanswered == 0 else { return nil }
        toAsk = entries.filter { $0.isSelectable && wantsStatus($0) }.map(\.name).reversed()
      }
      guard unanswered < Self.pipelineDepth, let mailbox = toAsk?.popLast() else { return nil }
      return .status(mailbox, Self.statusItems(capabilities))
    }
  }

  static func statusItems(_ capabilities: CapabilitySet) -> [StatusItem] {
    [.messages, .uidNext, .uidValidity] + (capabilities.hasCondStore ? [.highestModSequence] : [])
  }

  func asksFor(_ notice: MailboxNotice) -> Bool {
    switch notice {
    case .status, .listed: true
    case .selected, .overflow, .gap: false
    }
  }

  func received(_ untagged: Untagged) {
    switch untagged {
    case .list(let entry): add(entry)
    case .lsub(let entry): if subscribed.count < Self.limit { subscribed.insert(entry.name) }
    case .status(let mailbox, let status): if statuses.count < Self.limit { statuses[mailbox] = status }
    case .malformed(let part): unreadable.note(part)
    default: break
    }
  }

  private func add(_ entry: ListEntry) {
    if let known = index[entry.name] {
      entries[known] = entry
    } else if entries.count < Self.limit {
      index[entry.name] = entries.count
      entries.append(entry)
    } else {
      isTooLong = true
    }
  }

  func answered(_ command: Command, _ tagged: Tagged) throws {
    // A mailbox that has no numbers, or one that went since, does not spoil the listing.
    if case .status = command { return }
    if case .lsub = command { return }
    try tagged.requireOK(command)
  }

  func complete() {
    do {
      try unreadable.requireNone(for: name)
      guard !isTooLong else { throw ConnectionError.incomplete(command: name, "more than \(Self.limit) mailboxes") }
      promise.succeed(
        entries.map { entry in
          ListedMailbox(
            entry: entry, isSubscribed: entry.has("\\Subscribed") || subscribed.contains(entry.name),
            status: statuses[entry.name])
        })
    } catch {
      promise.fail(error)
    }
  }

  func fail(_ error: any Error) { promise.fail(error) }
}
