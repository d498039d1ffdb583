import IMAPProtocol
import MailModel
import SyncPlanner
import SyncState

/// A mailbox that needs a round.
struct RoundWork: Sendable {
  var record: MailboxRecord
  var specialUse: SpecialUse?
  var location: String
  /// Files went that the server still has: only a full listing finds them.
  var forgetsCheckpoint: Bool
}

/// The mailboxes of an account that are dirty, taken from the front by its connections. A mailbox is under way once at
/// a time: what makes it dirty meanwhile is another turn after this one.
actor WorkQueue {
  /// The number of a mailbox's turn, by which somebody who waits for it knows that it began late enough.
  typealias Turn = Int

  enum Next: Sendable {
    case work(RoundWork, Turn)
    /// Nothing came in the time that the caller wanted to wait.
    case idle
    case ended
  }

  private struct Sleeper {
    let id: Int
    let hasConnection: Bool
    let wake: CheckedContinuation<Void, Never>
  }

  private var waiting: [RoundWork] = []
  private var underWay: Set<Int64> = []
  /// What came for a mailbox while it was under way.
  private var again: [Int64: RoundWork] = [:]
  private var turns: [Int64: Turn] = [:]
  private var isClosed = false
  private(set) var stop: SyncFailure?
  private var sleepers: [Sleeper] = []
  private var lastSleeper = 0
  private var lanesLeft: Int
  private let onBackToWatch: @Sendable () -> Void

  /// - Parameters:
  ///   - lanes: how many connections take from it.
  ///   - onBackToWatch: called when work came, or came back, that none of them can serve now.
  init(lanes: Int, onBackToWatch: @escaping @Sendable () -> Void = {}) {
    lanesLeft = lanes
    self.onBackToWatch = onBackToWatch
  }

  // MARK: Making work

  /// Makes a mailbox dirty; returns the turn that will have seen why.
  @discardableResult
  func add(_ work: RoundWork) -> Turn {
    let id = work.record.id
    if underWay.contains(id) {
      again[id] = merged(again[id], work)
      return turns[id, default: 0] + 1
    }
    if let place = waiting.firstIndex(where: { $0.record.id == id }) {
      waiting[place] = merged(waiting[place], work)
    } else {
      waiting.append(work)
    }
    wakeOne()
    if lanesLeft == 0 { onBackToWatch() }
    return turns[id, default: 0] + 1
  }

  private func merged(_ old: RoundWork?, _ new: RoundWork) -> RoundWork {
    var work = new
    work.forgetsCheckpoint = new.forgetsCheckpoint || old?.forgetsCheckpoint ?? false
    return work
  }

  /// No more will come: connections end when all is done.
  func close() {
    isClosed = true
    wakeAll()
  }

  /// Something that ends the work on the whole account.
  func end(_ failure: SyncFailure) {
    if stop == nil { stop = failure }
    wakeAll()
  }

  /// Keeps a mailbox from being taken, for a look at its folder; false while it is under way.
  func reserve(_ id: Int64) -> Bool {
    underWay.insert(id).inserted
  }

  /// Ends what `reserve` began.
  func release(_ id: Int64) { settle(id) }

  var isIdle: Bool { waiting.isEmpty && underWay.isEmpty }
  var backlog: Int { waiting.count + underWay.count }

  // MARK: Taking work

  /// The next mailbox.
  /// - Parameters:
  ///   - waitsForOthers: of a queue that is closed: stays until no other connection has work that it may give back.
  ///   - hasConnection: those that have one are woken first.
  ///   - patience: how long to wait; nil for as long as it takes.
  func next(waitsForOthers: Bool, hasConnection: Bool, patience: Duration? = nil) async -> Next {
    let deadline = patience.map { ContinuousClock.now + $0 }
    while stop == nil, !Task.isCancelled {
      if let work = take() { return work }
      if isClosed, !(waitsForOthers && !underWay.isEmpty) { return .ended }
      if let deadline, deadline <= .now { return .idle }
      await sleep(hasConnection: hasConnection, until: deadline)
    }
    return .ended
  }

  /// Work for the watching connection, which does it only where the others can't.
  func nextForWatch() -> Next? { lanesLeft == 0 ? take() : nil }

  private func take() -> Next? {
    guard let place = waiting.firstIndex(where: { !underWay.contains($0.record.id) }) else { return nil }
    let work = waiting.remove(at: place)
    let id = work.record.id
    underWay.insert(id)
    turns[id, default: 0] += 1
    return .work(work, turns[id, default: 0])
  }

  private func sleep(hasConnection: Bool, until deadline: ContinuousClock.Instant?) async {
    lastSleeper += 1
    let id = lastSleeper
    let timer = deadline.map { deadline in
      Task {
        try? await Task.sleep(until: deadline)
        wake(id)
      }
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { sleepers.append(Sleeper(id: id, hasConnection: hasConnection, wake: $0)) }
    } onCancel: {
      Task { await wake(id) }
    }
    timer?.cancel()
  }

  private func wake(_ id: Int) {
    guard let place = sleepers.firstIndex(where: { $0.id == id }) else { return }
    sleepers.remove(at: place).wake.resume()
  }

  private func wakeOne() {
    guard let sleeper = sleepers.first(where: \.hasConnection) ?? sleepers.first else { return }
    wake(sleeper.id)
  }

  private func wakeAll() { for sleeper in sleepers { wake(sleeper.id) } }

  // MARK: Giving it back

  /// A turn is over, well or not.
  func finished(_ work: RoundWork) { settle(work.record.id) }

  /// The work was not begun.
  func giveBack(_ work: RoundWork) {
    let id = work.record.id
    turns[id, default: 1] -= 1
    waiting.insert(merged(again.removeValue(forKey: id), work), at: 0)
    underWay.remove(id)
    wakeAll()
    if lanesLeft == 0 { onBackToWatch() }
  }

  /// A connection can't serve for now, as the server refuses it.
  func laneLeft() {
    lanesLeft -= 1
    if lanesLeft == 0, !waiting.isEmpty { onBackToWatch() }
  }

  func laneReturned() { lanesLeft += 1 }

  private func settle(_ id: Int64) {
    underWay.remove(id)
    if let work = again.removeValue(forKey: id) { waiting.append(work) }
    wakeAll()
    if lanesLeft == 0, !waiting.isEmpty { onBackToWatch() }
  }
}
