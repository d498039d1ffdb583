import IMAPProtocol
import LinuxFiles
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
  /// How many of them have been taken, and not only reserved.
  private var taken = 0
  /// What came for a mailbox while it was under way.
  private var again: [Int64: RoundWork] = [:]
  private var turns: [Int64: Turn] = [:]
  private var isClosed = false
  /// What ended the work on the whole account.
  private(set) var stop: (any Error)?
  private var sleepers: [Sleeper] = []
  private var lastSleeper = 0
  /// How many connections may take from it now.
  private var lanes: Int
  private let allLanes: Int
  /// Since when and how often in a row the server has refused a connection to one of them.
  private var refusal: (until: ContinuousClock.Instant, count: Int)?
  private let onBackToWatch: @Sendable () -> Void
  private let onSettled: @Sendable (Int64) -> Void

  /// - Parameters:
  ///   - lanes: how many connections take from it.
  ///   - onBackToWatch: called when work came, or came back, that none of them can serve now.
  ///   - onSettled: called when a mailbox is under way no more.
  init(
    lanes: Int, onBackToWatch: @escaping @Sendable () -> Void = {},
    onSettled: @escaping @Sendable (Int64) -> Void = { _ in }
  ) {
    self.lanes = lanes
    allLanes = lanes
    self.onBackToWatch = onBackToWatch
    self.onSettled = onSettled
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
    callWatch()
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
  func end(_ error: any Error) {
    if stop == nil { stop = error }
    wakeAll()
  }

  /// Keeps a mailbox from being taken, for a look at its folder; false while it is under way.
  func reserve(_ id: Int64) -> Bool {
    underWay.insert(id).inserted
  }

  func isUnderWay(_ id: Int64) -> Bool { underWay.contains(id) }

  /// Ends what `reserve` began.
  func release(_ id: Int64) { settle(id) }

  var isIdle: Bool { waiting.isEmpty && underWay.isEmpty }
  var backlog: Int { waiting.count + underWay.count }

  /// So many of its connections are used for something else.
  func lend(_ count: Int) {
    guard lanes != allLanes - count else { return }
    lanes = allLanes - count
    wakeAll()
    callWatch()
  }

  // MARK: Taking work

  /// The next mailbox.
  /// - Parameters:
  ///   - lane: the number of the connection that asks; some may have been lent.
  ///   - waitsForOthers: of a queue that is closed: stays until no other connection has work that it may give back.
  ///   - hasConnection: those that have one are woken first.
  ///   - patience: how long to wait; nil for as long as it takes.
  func next(lane: Int = 0, waitsForOthers: Bool, hasConnection: Bool, patience: Duration? = nil) async -> Next {
    let deadline = patience.map { ContinuousClock.now + $0 }
    while stop == nil, !Task.isCancelled {
      if lane < lanes, hasConnection || !isRefused, let work = take() { return work }
      if isClosed, !(waitsForOthers && !underWay.isEmpty) { return .ended }
      if lane >= lanes, hasConnection { return .idle }
      if let deadline, deadline <= .now { return .idle }
      let pause = hasConnection ? nil : refusal?.until
      await Pulse.waiting {
        await sleep(hasConnection: hasConnection, until: [deadline, pause].compactMap { $0 }.min())
      }
    }
    return .ended
  }

  /// Whether one of the connections would take work at once.
  var hasFreeLane: Bool { taken < lanes && waiting.isEmpty && !isRefused }

  /// Work for the watching connection, which does it only where the others can't.
  func nextForWatch() -> Next? { lanes == 0 || isRefused ? take() : nil }

  private var isRefused: Bool { refusal.map { $0.until > .now } ?? false }

  /// Lets the watching connection know that it is the only one that can do what waits.
  private func callWatch() { if !waiting.isEmpty, lanes == 0 || isRefused { onBackToWatch() } }

  private func take() -> Next? {
    guard let place = waiting.firstIndex(where: { !underWay.contains($0.record.id) }) else { return nil }
    let work = waiting.remove(at: place)
    let id = work.record.id
    underWay.insert(id)
    taken += 1
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
  func finished(_ work: RoundWork) {
    taken -= 1
    settle(work.record.id)
  }

  /// The work was not begun.
  func giveBack(_ work: RoundWork) {
    let id = work.record.id
    taken -= 1
    waiting.insert(merged(again.removeValue(forKey: id), work), at: 0)
    underWay.remove(id)
    onSettled(id)
    wakeAll()
    callWatch()
  }

  /// The server gives no further connection: none is asked for until a pause is over, which grows each time.
  func lanesRefused() {
    guard !isRefused else { return }
    let count = (refusal?.count ?? 0) + 1
    refusal = (.now + .seconds(min(60 << min(count - 1, 6), 3_600)), count)
    wakeAll()
    callWatch()
  }

  func laneOpened() { refusal = nil }

  private func settle(_ id: Int64) {
    underWay.remove(id)
    onSettled(id)
    if let work = again.removeValue(forKey: id) { waiting.append(work) }
    wakeAll()
    callWatch()
  }
}
