import Locks

/// Between which mailboxes of an account messages are copied again and again, by rules of the server or since one shows
/// what another holds: what they have in common is no longer taken for a move that is under way, until one is seen.
final class CopyHabits: Sendable {
  struct Pair: Hashable {
    let source: Int64
    let target: Int64
  }

  private let copies = Mutex<[Pair: Int]>([:])
  private static let limit = 3

  func note(_ pair: Pair, isMove: Bool) {
    copies.withLock { $0[pair] = isMove ? nil : $0[pair, default: 0] + 1 }
  }

  func isHabit(_ pair: Pair) -> Bool { copies.withLock { $0[pair, default: 0] >= Self.limit } }
}
