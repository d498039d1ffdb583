import LinuxFiles
import Locks
import Logging
import MailModel
import Maildir
import SyncState

/// Takes messages whose bytes are in `tmp/` and puts them into their folders, in groups, so that one message's safety
/// costs a fraction of an fsync (DESIGN.md sections 2, 5 and 6). For a group, in this order: all files durable; intents
/// committed; renames; directories synced; the settling commit. One group is on its way at a time while the next one
/// fills; a failure stops the account, and recovery finds what the group left.
final class DeliveryPipeline: Sendable {
  private struct State {
    var ready: [ReadyMessage] = []
    var readyBytes: Int64 = 0
    var isProcessing = false
    /// By mailbox: messages whose body began and that are neither settled nor dropped.
    var unsettled: [Int64: Int] = [:]
    /// By mailbox: those of them that have not come into `ready` yet.
    var arriving: [Int64: Int] = [:]
    var flushes: [Int64: CheckedContinuation<Void, any Error>] = [:]
    /// Bytes given back only when the groups have caught up.
    var withheld: [@Sendable () -> Void] = []
    var backlog = 0
    /// Removals from `tmp/` that are under way.
    var discards = 0
    var failure: (any Error)?
  }

  private let state = Mutex(State())
  private let account: AccountState
  private let settings: AccountSettings
  private let pool: DiskPool
  private let meter: ProgressMeter
  private let matching: DeliveryMatching
  private let report: @Sendable ([MessageChange]) -> Void

  /// Messages that wait for their group, beyond which the sockets are not read.
  private static let backlogLimit = 2 * DurableGroup.maximumFiles

  init(
    account: AccountState, settings: AccountSettings, pool: DiskPool, clock: WallClock, meter: ProgressMeter,
    logger: Logger, moves: LikelyMoves, report: @escaping @Sendable ([MessageChange]) -> Void
  ) {
    self.account = account
    self.settings = settings
    self.report = report
    self.pool = pool
    self.meter = meter
    matching = DeliveryMatching(
      account: account, settings: settings, pool: pool, clock: clock, logger: logger, moves: moves)
  }

  // MARK: From the event loops and the disk threads

  func began(in mailbox: Int64) {
    state.withLock {
      $0.unsettled[mailbox, default: 0] += 1
      $0.arriving[mailbox, default: 0] += 1
    }
  }

  /// A message whose body began will not come.
  func dropped(in mailbox: Int64) {
    state.withLock {
      $0.unsettled[mailbox, default: 0] -= 1
      $0.arriving[mailbox, default: 0] -= 1
    }
    proceed()
  }

  func ready(_ message: ReadyMessage) {
    let refused = state.withLock { state -> Bool in
      state.arriving[message.mailbox.record.id, default: 0] -= 1
      guard state.failure == nil else {
        state.unsettled[message.mailbox.record.id, default: 0] -= 1
        return true
      }
      state.ready.append(message)
      state.readyBytes += message.content.size
      state.backlog += 1
      return false
    }
    if refused { discard([message]) }
    proceed()
  }

  func fail(_ error: any Error) {
    state.withLock { if $0.failure == nil { $0.failure = error } }
    proceed()
  }

  var failure: (any Error)? { state.withLock { $0.failure } }

  /// The group under way is finished, and nothing after it begun: what has come beyond is fetched again another time.
  func stop() { fail(CancellationError()) }

  /// Nothing was left in the middle.
  var isSound: Bool { state.withLock { $0.failure == nil || $0.failure is CancellationError } }

  /// Calls `release` now, or when the groups have caught up with what was received.
  func releaseWhenCaughtUp(_ release: @escaping @Sendable () -> Void) {
    let isCaughtUp = state.withLock { state -> Bool in
      if state.backlog < Self.backlogLimit || state.failure != nil { return true }
      state.withheld.append(release)
      return false
    }
    if isCaughtUp { release() }
  }

  // MARK: From a round

  /// Returns when every message of the mailbox whose body began is settled or dropped; throws what stopped the account.
  func flush(_ mailbox: Int64) async throws {
    try await withCheckedThrowingContinuation { continuation in
      state.withLock { $0.flushes[mailbox] = continuation }
      proceed()
    }
  }

  // MARK: Groups

  private enum Next {
    case group([ReadyMessage])
    case wait
  }

  /// Starts the next group where one is due, and ends the flushes that have nothing left to wait for.
  private func proceed() {
    var finished: [(CheckedContinuation<Void, any Error>, (any Error)?)] = []
    var releases: [@Sendable () -> Void] = []
    var unused: [ReadyMessage] = []
    let next = state.withLock { state -> Next in
      if state.backlog < Self.backlogLimit || state.failure != nil {
        releases = state.withheld
        state.withheld = []
      }
      if let failure = state.failure, !state.isProcessing {
        for message in state.ready { state.unsettled[message.mailbox.record.id, default: 0] -= 1 }
        unused = state.ready
        state.ready = []
        state.readyBytes = 0
        state.backlog = 0
        // Who waits for the end finds nothing of it left in `tmp/`.
        guard unused.isEmpty, state.discards == 0 else { return .wait }
        for (mailbox, flush) in state.flushes where state.arriving[mailbox, default: 0] == 0 {
          finished.append((flush, failure))
          state.flushes[mailbox] = nil
        }
        return .wait
      }
      for (mailbox, flush) in state.flushes where state.unsettled[mailbox, default: 0] == 0 {
        finished.append((flush, nil))
        state.flushes[mailbox] = nil
      }
      guard !state.isProcessing, !state.ready.isEmpty else { return .wait }
      let isFull =
        state.ready.count >= DurableGroup.maximumFiles || state.readyBytes >= DurableGroup.maximumBytes
      let isAwaited = state.flushes.keys.contains { state.arriving[$0, default: 0] == 0 }
      guard isFull || isAwaited else { return .wait }
      let group = Array(state.ready.prefix(DurableGroup.maximumFiles))
      state.ready.removeFirst(group.count)
      state.readyBytes = state.ready.reduce(0) { $0 + $1.content.size }
      state.isProcessing = true
      return .group(group)
    }
    discard(unused)
    for release in releases { release() }
    for (flush, error) in finished {
      if let error { flush.resume(throwing: error) } else { flush.resume() }
    }
    if case .group(let group) = next {
      Task {
        do {
          try await process(group)
          end(group, nil)
        } catch {
          discard(group)
          end(group, error)
        }
      }
    }
  }

  /// Removes what is in `tmp/` of messages that will not be delivered; what is not removed goes after 36 hours.
  private func discard(_ messages: [ReadyMessage]) {
    guard !messages.isEmpty else { return }
    state.withLock { $0.discards += 1 }
    pool.submit { [self] in
      for message in messages { try? message.file.discard() }
      state.withLock { $0.discards -= 1 }
      proceed()
    }
  }

  private func end(_ group: [ReadyMessage], _ error: (any Error)?) {
    state.withLock { state in
      state.isProcessing = false
      state.backlog -= group.count
      for message in group { state.unsettled[message.mailbox.record.id, default: 0] -= 1 }
      if let error, state.failure == nil || state.failure is CancellationError { state.failure = error }
    }
    if error == nil {
      let octets = group.reduce(0) { $0 + $1.content.size }
      meter.update {
        $0.messagesDone += group.count
        $0.octets += octets
      }
    }
    proceed()
  }

  private func process(_ group: [ReadyMessage]) async throws {
    try await DurableGroup.makeDurable(group.map(\.file), on: pool)
    var deliveries: [ReadyMessage] = []
    for message in group where try await !matching.adopted(message) { deliveries.append(message) }
    guard !deliveries.isEmpty else { return }
    // A commit is an fsync as well.
    try await pool.waitForWay()
    let rows = try await account.intend(deliveries.map(\.intent))
    let group = Array(zip(rows, deliveries))
    let published = try await pool.run { try Self.publish(group) }
    try await pool.waitForWay()
    try await account.settle(published.settled)
    // A name that is taken, which no other program should manage: the message is fetched again under another one.
    try await account.forget(published.refused)
    let refused = Set(published.refused)
    for (row, message) in group {
      if refused.contains(row) { message.uids.giveBack(message.uid) } else { message.uids.settle(message.uid) }
    }
    let names = Dictionary(published.settled.map { ($0.message, $0) }) { first, _ in first }
    report(
      group.compactMap { row, message in
        names[row].map {
          message.mailbox.change(
            .new, uid: message.uid, fileName: $0.fileName, isInCur: $0.isInCur,
            flags: message.attributes.flags ?? FlagSet(), in: settings)
        }
      })
  }

  /// Renames the group's files into their folders and makes that durable.
  private static func publish(
    _ group: [(Int64, ReadyMessage)]
  ) throws -> (settled: [SettledDelivery], refused: [Int64]) {
    var settled: [SettledDelivery] = []
    var refused: [Int64] = []
    var folders: [Int64: (folder: MaildirFolder, places: Set<Subdirectory>)] = [:]
    for (row, message) in group {
      let mailbox = message.mailbox
      do {
        let entry = try mailbox.folder.publish(message.file, as: message.name)
        guard let status = entry.status else { throw MaildirError.messageMissing(base: message.name.base) }
        folders[mailbox.record.id, default: (mailbox.folder, [])].places.insert(entry.subdirectory)
        settled.append(
          SettledDelivery(
            message: row, baseName: message.name.base.bytes, fileName: entry.name.bytes,
            isInCur: entry.subdirectory == .cur, stamp: FileStamp(status)))
      } catch let error as FileError where error.isTaken {
        try message.file.discard()
        refused.append(row)
      }
    }
    for (folder, places) in folders.values { try folder.syncDirectories(places) }
    return (settled, refused)
  }
}
