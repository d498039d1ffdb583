import AccountWorker
import Dispatch
import Logging

/// Tells what happens around the daemon that connections may not survive: sleep, by logind's word or by a gap between
/// two clocks, and changes of addresses and routes.
final class SurroundingsWatch: @unchecked Sendable {
  // Everything runs on `queue`, whose work may block for a moment.
  private let queue = DispatchQueue(label: "mailmirror.surroundings")
  private let logger: Logger
  private let onChange: @Sendable (SurroundingsChange) -> Void
  private var suspend = SuspendClock()
  private var network: NetworkState?
  private var timer: (any DispatchSourceTimer)?
  private var routes: RouteNotices?
  private var sleep: SleepNotices?
  private var look: DispatchWorkItem?
  /// The other sign of the same sleep is not told again.
  private var lastResume: DispatchTime?

  /// How often the clocks are compared; the timer is late by any time that the machine slept.
  private static let tick = DispatchTimeInterval.seconds(5)
  /// A change comes as many notices.
  private static let settling = DispatchTimeInterval.milliseconds(300)
  private static let sameResume = 15.0

  /// - Parameter onChange: called on a queue of the watch's own.
  init(logger: Logger, onChange: @escaping @Sendable (SurroundingsChange) -> Void) {
    self.logger = logger
    self.onChange = onChange
  }

  func start() {
    queue.async { [self] in
      network = .now()
      let timer = DispatchSource.makeTimerSource(queue: queue)
      timer.schedule(deadline: .now() + Self.tick, repeating: Self.tick, leeway: .seconds(1))
      timer.setEventHandler { [unowned self] in if suspend.hasSlept() { resumed() } }
      timer.activate()
      self.timer = timer
      routes = RouteNotices(queue: queue) { [unowned self] in noticed() }
      sleep = SleepNotices(queue: queue) { [unowned self] in resumed() }
      sleep?.start()
    }
  }

  func stop() {
    queue.async { [self] in
      timer?.cancel()
      routes?.stop()
      sleep?.stop()
      look?.cancel()
      (timer, routes, sleep, look) = (nil, nil, nil, nil)
    }
  }

  private func resumed() {
    let now = DispatchTime.now()
    if let lastResume, Double(now.uptimeNanoseconds - lastResume.uptimeNanoseconds) / 1e9 < Self.sameResume { return }
    lastResume = now
    logger.notice("the machine has slept; connecting anew")
    onChange(.resumed)
  }

  /// Looks once when no more comes; not put off by a machine on which something changes all the time.
  private func noticed() {
    guard look == nil else { return }
    let item = DispatchWorkItem { [unowned self] in compare() }
    look = item
    queue.asyncAfter(deadline: .now() + Self.settling, execute: item)
  }

  private func compare() {
    look = nil
    let now = NetworkState.now()
    guard now != network else { return }
    network = now
    logger.info("an address or a route of this machine has changed; connections are checked")
    onChange(.network(addresses: now.addresses))
  }
}
