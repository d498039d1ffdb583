import AccountWorker
import ControlProtocol
import LinuxFiles
import Locks

/// Brings what a worker did to those who want to know: clients that listen, and the account's hook. The worker never
/// waits for it, and where nobody wants to know it costs nothing.
final class ChangeRelay: Sendable {
  private struct State {
    var waiting: [MessageChange] = []
    var isRunning = false
  }

  private let feed: ChangeFeed
  private let hook: AccountHook?
  private let pool: DiskPool
  private let clock: WallClock
  private let state = Mutex(State())
  private static let batch = 64
  /// Beyond, changes are told without sender and subject.
  private static let capacity = 10_000

  init(feed: ChangeFeed, pool: DiskPool, clock: WallClock = .system, hook: AccountHook? = nil) {
    self.feed = feed
    self.hook = hook
    self.pool = pool
    self.clock = clock
  }

  /// Takes changes in their order; callable from any thread.
  func report(_ changes: [MessageChange]) {
    guard !changes.isEmpty, hook != nil || feed.isHeard else { return }
    let starts = state.withLock { state -> Bool in
      state.waiting += changes
      if state.isRunning { return false }
      state.isRunning = true
      return true
    }
    if starts { pool.submit { self.drain() } }
  }

  /// One batch on a disk thread; the next takes another turn, so that the others get theirs.
  private func drain() {
    let (batch, isCrowded) = state.withLock { state -> ([MessageChange], Bool) in
      let isCrowded = state.waiting.count > Self.capacity
      let batch = Array(state.waiting.prefix(isCrowded ? Self.capacity : Self.batch))
      state.waiting.removeFirst(batch.count)
      return (batch, isCrowded)
    }
    let time = timestamp(clock.now().seconds)
    let told = batch.map { change -> MailChange in
      let heading =
        isCrowded || [.gone, .held].contains(change.kind) ? MessageHeading() : MessageHeading.read(path: change.path)
      return MailChange(change, heading, time: time)
    }
    for change in told { feed.publish(change) }
    hook?.add(told)
    let goesOn = state.withLock { state in
      state.isRunning = !state.waiting.isEmpty
      return state.isRunning
    }
    if goesOn { pool.submit { self.drain() } }
  }
}
