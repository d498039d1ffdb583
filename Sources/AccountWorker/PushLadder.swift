import IMAPProtocol
import MailConnections
import MailModel
import NIOCore

/// How an account hears of changes: the best that the server offers and does not refuse (DESIGN.md section 4, the
/// ladder). NOTIFY tells of all mailboxes on one connection; else IDLE tells of one; else there are only questions.
struct PushLadder {
  private enum Notify {
    case unset
    /// For these mailboxes beside the user's own.
    case set(others: [MailboxName])
    case without(reason: String)
    /// Tried again then.
    case paused(reason: String, until: NIODeadline)
  }

  private var notify: Notify
  private var overflows = 0
  private let hasIdle: Bool
  /// Why IDLE is of no use; nil while it is.
  private(set) var idleTrouble: String?

  init(_ capabilities: CapabilitySet) {
    notify = capabilities.hasNotify ? .unset : .without(reason: "the server has no NOTIFY")
    hasIdle = capabilities.hasIdle
    idleTrouble = capabilities.hasIdle ? nil : "the server has no IDLE"
  }

  /// The server tells of all mailboxes.
  var tellsOfAll: Bool { if case .set = notify { true } else { false } }
  var hasUsableIdle: Bool { idleTrouble == nil }

  /// Why the server does not tell of all mailboxes; nil where it does.
  var reason: String? {
    switch notify {
    case .set: nil
    case .unset: "NOTIFY is not set yet"
    case .without(let reason), .paused(let reason, _): reason
    }
  }

  /// When NOTIFY is to be tried again.
  var nextTry: NIODeadline? { if case .paused(_, let until) = notify { until } else { nil } }

  /// What to ask for now; nil where nothing is to be asked.
  func request(others: [MailboxName]) -> NotifyRequest? {
    switch notify {
    case .unset: NotifyRequest(others: others)
    case .set(let before): before == others ? nil : NotifyRequest(others: others)
    case .without: nil
    case .paused(_, let until): until <= .now() ? NotifyRequest(others: others) : nil
    }
  }

  mutating func isSet(_ request: NotifyRequest) { notify = .set(others: request.others) }

  /// What it refuses now it will refuse again, on this connection.
  mutating func notifyRefused(_ text: String) { notify = .without(reason: "the server refuses NOTIFY: \(text)") }

  /// The server has ceased to tell (RFC 5465 section 5.8). False where it had not been asked to.
  mutating func overflowed() -> Bool {
    guard tellsOfAll else { return false }
    overflows += 1
    notify = .paused(
      reason: "there was more to tell than the server keeps (NOTIFICATIONOVERFLOW)",
      until: .now() + .seconds(Int64(min(5 << min(overflows - 1, 10), 3_600))))
    return true
  }

  mutating func idleRefused() { idleTrouble = "the server refuses IDLE" }
}
