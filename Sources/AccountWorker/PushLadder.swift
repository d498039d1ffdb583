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

/// The pause between two looks at all mailboxes where the server does not tell of them: the more happens in them the
/// shorter it is, between a tenth of the configured interval and all of it.
struct PollPace {
  private let interval: TimeAmount
  private var pause: TimeAmount

  init(interval: Duration) {
    self.interval = TimeAmount(interval)
    pause = self.interval
  }

  /// A look is over.
  mutating func looked(foundNews: Bool) {
    pause = foundNews ? max(interval / 10, min(interval, .seconds(1))) : min(pause * 2, interval)
  }

  /// Up to a tenth less, so that accounts do not march in step.
  func next(share: Double) -> TimeAmount { .nanoseconds(Int64(Double(pause.nanoseconds) * (1 - share / 10))) }

  /// Nothing is expected to be found: the server tells.
  mutating func relax() { pause = interval }
}

/// When a look at all mailboxes that the server's words ask for is due: at once, but the less often, up to once a minute,
/// the longer such looks find nothing.
struct ToldSurveys {
  private var isAskedFor = false
  private var fruitless: Int64 = 0
  private var last: NIODeadline?

  /// The server's words ask for one; returns when it is due.
  mutating func asked() -> NIODeadline {
    isAskedFor = true
    guard let last, fruitless > 1 else { return .now() }
    return last + .seconds(min(1 << min(fruitless - 2, 6), 60))
  }

  /// A look is over, whatever it was for.
  mutating func looked(foundSomething: Bool) {
    fruitless = isAskedFor && !foundSomething ? fruitless + 1 : 0
    isAskedFor = false
    last = .now()
  }
}

extension TimeAmount {
  fileprivate static func / (amount: TimeAmount, divisor: Int64) -> TimeAmount {
    .nanoseconds(amount.nanoseconds / divisor)
  }

  fileprivate static func * (amount: TimeAmount, factor: Int64) -> TimeAmount {
    .nanoseconds(amount.nanoseconds.multipliedReportingOverflow(by: factor).partialValue)
  }
}
