import LinuxFiles
import Locks

/// Bounds the bytes of bodies between sockets and disk: 1 MB for a connection, 8 MB for the process; a connection that
/// would go above does not read until bytes are given back. What one read from the socket brings may go beyond. While
/// push has the right of way, 64 kB for a connection are enough: what is received costs time of which push has need.
package final class InFlightBudget: Sendable {
  package let total: Int
  package let perConnection: Int
  private let way: RightOfWay?
  private static let perConnectionInTheWay = 64 << 10
  private let state = Mutex(State())

  private struct State {
    var used = 0
    var shares: [ObjectIdentifier: Int] = [:]
    var waiting: [ObjectIdentifier: @Sendable () -> Void] = [:]
  }

  package init(total: Int = 8 << 20, perConnection: Int = 1 << 20, givesWayIn way: RightOfWay? = nil) {
    self.total = total
    self.way = way
    self.perConnection = perConnection
  }

  /// Bytes taken and not yet given back.
  package var used: Int { state.withLock { $0.used } }

  func take(_ count: Int, for owner: ObjectIdentifier) {
    state.withLock {
      $0.used += count
      $0.shares[owner, default: 0] += count
    }
  }

  func release(_ count: Int, for owner: ObjectIdentifier) {
    let ready = state.withLock { state -> [@Sendable () -> Void] in
      state.used -= count
      let share = state.shares[owner, default: 0] - count
      state.shares[owner] = share > 0 ? share : nil
      guard !state.waiting.isEmpty, state.used < total else { return [] }
      let owners = state.waiting.keys.filter { state.shares[$0, default: 0] < perConnection }
      return owners.compactMap { state.waiting.removeValue(forKey: $0) }
    }
    for resume in ready { resume() }
  }

  /// True when the owner may read now; otherwise `resume` is called, once, on any thread, when it may.
  func mayRead(_ owner: ObjectIdentifier, orCall resume: @escaping @Sendable () -> Void) -> Bool {
    state.withLock {
      let limit = way?.isClaimedNow == true ? min(perConnection, Self.perConnectionInTheWay) : perConnection
      if $0.used < total, $0.shares[owner, default: 0] < limit { return true }
      $0.waiting[owner] = resume
      return false
    }
  }

  func stopWaiting(_ owner: ObjectIdentifier) {
    state.withLock { $0.waiting[owner] = nil }
  }
}
