import NIOCore

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

extension TimeAmount {
  fileprivate static func / (amount: TimeAmount, divisor: Int64) -> TimeAmount {
    .nanoseconds(amount.nanoseconds / divisor)
  }

  fileprivate static func * (amount: TimeAmount, factor: Int64) -> TimeAmount {
    .nanoseconds(amount.nanoseconds.multipliedReportingOverflow(by: factor).partialValue)
  }
}
