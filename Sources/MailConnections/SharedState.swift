import IMAPProtocol
import Locks
import MailModel

/// What of a connection may be asked on any thread.
final class SharedState: Sendable {
  struct Values {
    var isOpen = true
    var received: UInt64 = 0
    var sent: UInt64 = 0
    var mailbox = MailboxState()
  }

  private let values = Mutex(Values())

  var now: Values { values.withLock { $0 } }
  var mailbox: MailboxState { values.withLock { $0.mailbox } }
  /// Octets in both directions: a count that goes on while the server does something for us, or takes what we send.
  var progress: @Sendable () -> UInt64 {
    { [self] in
      let now = now
      return now.received &+ now.sent
    }
  }
  func update(_ body: (inout sending Values) -> Void) { values.withLock { body(&$0) } }
}

extension MailboxState {
  mutating func note(_ untagged: Untagged) {
    switch untagged {
    case .exists(let count): exists = count
    case .condition(.ok, let text):
      if case .uidValidity(let value)? = text.code { uidValidity = value }
    case .expunge:
      sawExpunge = true
      exists -= exists > 0 ? 1 : 0
    case .vanished(earlier: false, let uids):
      exists -= UInt32(clamping: min(uids.count, Int(exists)))
      guard vanished.ranges.count + uids.ranges.count <= Self.vanishedLimit else {
        // What is not kept is found by a listing.
        sawExpunge = true
        return
      }
      for range in uids.ranges { vanished.insert(range) }
    default: break
    }
  }

  /// News of a message that we did not ask for.
  mutating func note(_ fetched: FetchedAttributes) {
    guard fetched.flags != nil else { return }
    guard let uid = fetched.uid, flagChanges.count < Self.flagChangesLimit || flagChanges[uid] != nil else {
      sawOtherFlagChanges = true
      return
    }
    flagChanges[uid] = MessageAttributes(fetched)
  }

  private static let vanishedLimit = 100_000
}
