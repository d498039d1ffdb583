import Locks
import NIOConcurrencyHelpers
import NIOCore

import struct Synchronization.Atomic

/// Lets what somebody waits for go ahead of bulk work on the same disk. An fsync of one small file waits for whatever
/// else the file system has to make durable at that moment, so that a first sync that goes on at full speed makes a
/// message that has just come wait ten times as long as an idle disk would. While there is a claim, bulk begins nothing
/// new (`giveWay`): what is under way ends in a moment, and the disk is free.
///
/// Claims are hints that run out by themselves, and bulk gets a share of the time whatever is claimed.
package final class RightOfWay: Sendable {
  /// For how long one claim is good.
  private static let validity = TimeAmount.milliseconds(250)
  /// So long bulk waits in a row at most, and so long it goes on then.
  private static let (patience, turn) = (TimeAmount.milliseconds(500), TimeAmount.milliseconds(50))

  private struct State {
    /// When they run out.
    var claims: [ObjectIdentifier: NIODeadline] = [:]
    /// When there was no claim last.
    var since = NIODeadline.distantPast
  }

  private let state = Mutex(State())
  private let isClaimed = ConditionLock(value: false)
  /// The same, to be read at next to no cost.
  private let hasClaims = Atomic<Bool>(false)

  package init() {}

  /// One who may claim it.
  package func makeClaim() -> Claim { Claim(self) }

  /// Whether bulk work would have to wait.
  package var isClaimedNow: Bool { hasClaims.load(ordering: .relaxed) }

  /// Returns when bulk work may go on. Blocks; for disk threads.
  package func giveWay() {
    guard hasClaims.load(ordering: .relaxed) else { return }
    let now = NIODeadline.now()
    let end = state.withLock { state -> NIODeadline? in
      state.claims = state.claims.filter { $0.value > now }
      guard let last = state.claims.values.max() else {
        set(false)
        return nil
      }
      if now >= state.since + Self.patience {
        if now < state.since + Self.patience + Self.turn { return nil }
        state.since = now
      }
      return min(last, state.since + Self.patience)
    }
    guard let end, end > now else { return }
    if isClaimed.lock(whenValue: false, timeoutSeconds: Double((end - now).nanoseconds) / 1e9) { isClaimed.unlock() }
  }

  private func set(_ value: Bool) {
    hasClaims.store(value, ordering: .relaxed)
    isClaimed.lock()
    isClaimed.unlock(withValue: value)
  }

  fileprivate func take(_ claim: ObjectIdentifier) {
    let now = NIODeadline.now()
    state.withLock { state in
      if state.claims.isEmpty {
        state.since = now
        set(true)
      }
      state.claims[claim] = now + Self.validity
    }
  }

  fileprivate func give(_ claim: ObjectIdentifier) {
    state.withLock { state in
      guard state.claims.removeValue(forKey: claim) != nil, state.claims.isEmpty else { return }
      set(false)
    }
  }

  /// Callable from any thread.
  package final class Claim: Sendable {
    private let way: RightOfWay

    fileprivate init(_ way: RightOfWay) { self.way = way }

    deinit { way.give(ObjectIdentifier(self)) }

    /// Something has come that somebody waits for.
    package func take() { way.take(ObjectIdentifier(self)) }

    /// It is done.
    package func give() { way.give(ObjectIdentifier(self)) }
  }
}
