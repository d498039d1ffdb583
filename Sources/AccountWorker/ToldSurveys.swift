import NIOCore

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
