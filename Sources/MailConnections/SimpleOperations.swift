import IMAPProtocol
import MailModel
import NIOCore

/// One command whose end is all that matters.
final class PlainOperation: Operation {
  private var command: Command?
  private let promise: EventLoopPromise<Void>
  let name: String
  let patience: TimeAmount?

  init(_ command: Command, patience: TimeAmount? = nil, _ promise: EventLoopPromise<Void>) {
    self.command = command
    self.promise = promise
    self.patience = patience
    name = command.name
  }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? { command.take() }
  func complete() { promise.succeed() }
  func fail(_ error: any Error) { promise.fail(error) }
}

/// LOGOUT: the server says BYE and ends the connection.
final class LogoutOperation: Operation {
  private var command: Command? = .logout
  private let promise: EventLoopPromise<Void>
  let name = "the end of the session"

  init(_ promise: EventLoopPromise<Void>) { self.promise = promise }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? { command.take() }
  func answered(_ command: Command, _ tagged: Tagged) {}
  func complete() { promise.succeed() }
  func fail(_ error: any Error) { promise.succeed() }
}

/// STATUS of one mailbox.
final class StatusOperation: Operation {
  private let mailbox: MailboxName
  private var command: Command?
  private let promise: EventLoopPromise<MailboxStatus>
  private var status: MailboxStatus?
  let name = "STATUS"

  init(_ mailbox: MailboxName, _ items: [StatusItem], _ promise: EventLoopPromise<MailboxStatus>) {
    self.mailbox = mailbox
    self.promise = promise
    command = .status(mailbox, items)
  }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? { command.take() }

  func asksFor(_ notice: MailboxNotice) -> Bool {
    if case .status(mailbox, _) = notice { true } else { false }
  }

  func received(_ untagged: Untagged) {
    if case .status(mailbox, let status) = untagged { self.status = status }
  }

  func complete() {
    if let status {
      promise.succeed(status)
    } else {
      promise.fail(ConnectionError.incomplete(command: name, "no answer"))
    }
  }

  func fail(_ error: any Error) { promise.fail(error) }
}

/// UID SEARCH for all messages (RFC 3501 section 6.4.4, RFC 4731).
final class SearchOperation: Operation {
  private let promise: EventLoopPromise<ExistingUIDs>
  private let shared: SharedState
  private var isSent = false
  private var gathered = UIDSetGatherer()
  private var unreadable = UnreadableParts()
  let name = "UID SEARCH"

  init(_ shared: SharedState, _ promise: EventLoopPromise<ExistingUIDs>) {
    self.shared = shared
    self.promise = promise
  }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    guard !isSent else { return nil }
    isSent = true
    return .uidSearch(nil, esearch: capabilities.hasESearch)
  }

  func received(_ untagged: Untagged) {
    switch untagged {
    case .search(let uids, _): gathered.insert(uids)
    case .esearch(let result): if let all = result.all { gathered.insert(all) }
    case .malformed(let part): unreadable.note(part)
    default: break
    }
  }

  func complete() {
    do {
      try unreadable.requireNone(for: name)
      guard !gathered.overflowed else { throw ConnectionError.incomplete(command: name, "too many ranges") }
      promise.succeed(ExistingUIDs(uids: gathered.set, exists: shared.mailbox.exists))
    } catch {
      promise.fail(error)
    }
  }

  func fail(_ error: any Error) { promise.fail(error) }
}
