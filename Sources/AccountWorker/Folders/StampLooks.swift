import LinuxFiles
import Locks
import Maildir
import NIOCore

/// Folders without a watch: the times of their directories are looked at every few seconds, soon again where something
/// was done, and less and less often where nothing is; never for more than a hundredth of the time.
final class StampLooks: Sendable {
  private struct Place: Sendable {
    let path: FolderPath
    /// How it stood at the last look.
    var stamp: FolderStamp?
  }

  private struct State {
    var places: [Int64: Place] = [:]
    var pause = StampLooks.shortest
    var isTimed = false
    var isStopped = false
  }

  private static let shortest = Duration.seconds(1)
  private static let longest = Duration.seconds(10)

  private let pool: DiskPool
  private let root: DirectoryHandle
  private let clock: WallClock
  private let eventLoop: any EventLoop
  private let onChange: @Sendable (Int64) -> Void
  private let state = Mutex(State())

  /// - Parameter onChange: called with the mailbox whose folder is to be scanned.
  init(account: OpenAccount, eventLoop: any EventLoop, onChange: @escaping @Sendable (Int64) -> Void) {
    (pool, root, clock) = (account.pool, account.root, account.clock)
    self.eventLoop = eventLoop
    self.onChange = onChange
  }

  /// The folder is looked at from now on; no more where the path is nil.
  func set(_ mailbox: Int64, _ path: FolderPath?) {
    state.withLock { state in
      if state.places[mailbox]?.path != path { state.places[mailbox] = path.map { Place(path: $0) } }
      time(&state)
    }
  }

  func retain(_ mailboxes: Set<Int64>) {
    state.withLock { state in state.places = state.places.filter { mailboxes.contains($0.key) } }
  }

  func stop() { state.withLock { ($0.isStopped, $0.places) = (true, [:]) } }

  private func time(_ state: inout State) {
    guard !state.isTimed, !state.isStopped, !state.places.isEmpty else { return }
    state.isTimed = true
    eventLoop.scheduleTask(in: TimeAmount(state.pause)) { [weak self] in
      guard let self else { return }
      self.pool.submit { self.look() }
    }
  }

  private func look() {
    let began = ContinuousClock.now
    let places = state.withLock { $0.places }
    var changed: [Int64] = []
    var stamps: [Int64: FolderStamp] = [:]
    for (mailbox, place) in places.sorted(by: { $0.key < $1.key }) {
      // One that is missing is for the next look at the whole account.
      guard let stamp = try? MaildirFolder.open(in: root, at: place.path).stamp(clock: clock) else { continue }
      stamps[mailbox] = stamp
      if place.stamp?.allowsSkipping(now: stamp) != true { changed.append(mailbox) }
    }
    let cost = ContinuousClock.now - began
    state.withLock { state in
      for (mailbox, stamp) in stamps { state.places[mailbox]?.stamp = stamp }
      state.pause = max(changed.isEmpty ? min(state.pause * 2, Self.longest) : Self.shortest, cost * 100)
      state.isTimed = false
      time(&state)
    }
    for mailbox in changed { onChange(mailbox) }
  }
}
