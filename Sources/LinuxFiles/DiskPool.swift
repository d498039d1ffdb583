import NIOPosix

/// The bounded pool of threads on which all blocking file calls run, so that none ever blocks an event loop or a
/// thread of the cooperative pool.
package final class DiskPool: Sendable {
  package static let defaultThreads = 4

  /// How many threads there are for `wait`, from its first use on.
  package static let waitingThreads = 16

  private let threads: NIOThreadPool
  private let waiting = NIOThreadPool(numberOfThreads: DiskPool.waitingThreads)
  private let way: RightOfWay?
  package let threadCount: Int

  /// - Parameter way: what the work of these threads gives way to, each time before it begins.
  package init(threads count: Int = DiskPool.defaultThreads, givesWayIn way: RightOfWay? = nil) {
    self.way = way
    threadCount = max(count, 1)
    threads = NIOThreadPool(numberOfThreads: threadCount)
    threads.start()
  }

  deinit {
    threads.shutdownGracefully { _ in }
    waiting.shutdownGracefully { _ in }
  }

  /// Runs the closure on one of the threads.
  package func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    let (faults, pulse) = (Step.faults, Pulse.current)
    return try await threads.runIfActive {
      self.giveWay()
      pulse?.beat()
      defer { pulse?.beat() }
      return try Step.$faults.withValue(faults) { try Pulse.$current.withValue(pulse) { try body() } }
    }
  }

  /// The same on threads that only wait for the disk. Linux merges the flushes that wait for a device, so a disk on which
  /// one takes milliseconds does as many as are asked for at a time in the time of one or two; and others' writes go on
  /// meanwhile.
  package func wait<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    let (faults, pulse) = (Step.faults, Pulse.current)
    waiting.start()
    return try await waiting.runIfActive {
      pulse?.beat()
      defer { pulse?.beat() }
      return try Step.$faults.withValue(faults) { try Pulse.$current.withValue(pulse) { try body() } }
    }
  }

  /// Queues the closure; callable from anywhere, an event loop too.
  package func submit(_ body: @escaping @Sendable () -> Void) {
    let body = Step.keepingFaults(body)
    threads.submit { _ in
      self.giveWay()
      body()
    }
  }

  /// The same for what runs elsewhere.
  package func waitForWay() async throws { if way?.isClaimedNow == true { try await run {} } }

  /// For what takes long, between its parts. On one of the threads.
  package func giveWay() { way?.giveWay() }

  /// A new lane whose closures run one after the other.
  package func makeLane() -> DiskLane { DiskLane(pool: self) }
}
