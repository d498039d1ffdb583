/// Message numbers, a bit for each.
package struct MessageNumbers: Hashable, Sendable {
  private var words: [UInt64] = []
  private(set) package var count = 0

  package init() {}

  package func contains(_ number: MessageNumber) -> Bool {
    let word = number / 64
    return word < words.count && words[word] & Self.bit(number) != 0
  }

  /// False where it was there before. `number` is positive and bounded by the caller.
  @discardableResult
  package mutating func insert(_ number: MessageNumber) -> Bool {
    guard !contains(number) else { return false }
    let word = number / 64
    if word >= words.count { words += repeatElement(0, count: word + 1 - words.count) }
    words[word] |= Self.bit(number)
    count += 1
    return true
  }

  package mutating func remove(_ number: MessageNumber) {
    guard contains(number) else { return }
    words[number / 64] &= ~Self.bit(number)
    count -= 1
  }

  private static func bit(_ number: MessageNumber) -> UInt64 { 1 << UInt64(number % 64) }
}
