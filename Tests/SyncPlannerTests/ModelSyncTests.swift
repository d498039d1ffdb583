import Foundation
import Testing

/// Random histories of an account under edits on both sides, deliveries in the middle of a pass and interruptions
/// between any two steps: when the edits stop it comes to rest in a bounded number of passes, both sides are equal,
/// nothing is lost, and a further pass does nothing.
@Suite struct ModelSyncTests {
  private static let variables = ProcessInfo.processInfo.environment

  static let histories: UInt64 =
    variables["MAILMIRROR_HISTORIES"].flatMap(UInt64.init)
    ?? (variables["MAILMIRROR_FULL"] == nil ? 100_000 : 2_000_000)

  /// `MAILMIRROR_SEED` names the first history; one failing history is made again with `MAILMIRROR_HISTORIES=1`.
  static let seed = variables["MAILMIRROR_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...UInt64.max / 2)

  @Test func randomHistories() async {
    print("random histories: MAILMIRROR_SEED=\(Self.seed) MAILMIRROR_HISTORIES=\(Self.histories)")
    let lanes = max(1, ProcessInfo.processInfo.activeProcessorCount)
    let failed = await withTaskGroup(of: [UInt64].self) { group in
      for lane in 0..<lanes { group.addTask { await Self.failures(from: UInt64(lane), by: lanes) } }
      return await group.reduce(into: []) { $0 += $1 }
    }
    for seed in failed.sorted().prefix(3) { Issue.record("\(Self.report(seed))") }
    #expect(failed.isEmpty)
  }

  private static func failures(from first: UInt64, by stride: Int) async -> [UInt64] {
    var failed: [UInt64] = []
    for number in Swift.stride(from: first, to: histories, by: stride) where failed.count < 5 {
      await Task.yield()
      var log: [String]?
      if ModelSync.failure(of: ModelHistory(seed: seed &+ number), log: &log) != nil { failed.append(seed &+ number) }
    }
    return failed
  }

  /// The shortest part of the history that still fails, and what happened in it.
  private static func report(_ seed: UInt64) -> String {
    var history = ModelHistory(seed: seed)
    history.shrink { candidate in
      var log: [String]?
      return ModelSync.failure(of: candidate, log: &log) != nil
    }
    var log: [String]? = []
    let failure = ModelSync.failure(of: history, log: &log) ?? "nothing"
    return
      (["history \(seed): \(failure)", "\(history.options)"] + history.events.map { "  \($0)" } + ["what happened:"]
      + (log ?? []).map { "  " + $0 }).joined(separator: "\n")
  }
}

extension ModelHistory {
  /// Leaves out what the failure does not need.
  mutating func shrink(_ fails: (ModelHistory) -> Bool) {
    var isSmaller = true
    while isSmaller {
      isSmaller = false
      for index in events.indices.reversed() {
        var candidate = self
        candidate.events.remove(at: index)
        if fails(candidate) {
          self = candidate
          isSmaller = true
        }
      }
      for index in events.indices {
        guard case .pass(let cutAt, let meanwhile, let pause, let first) = events[index] else { continue }
        let simpler: [ModelEvent] =
          (cutAt == nil ? [] : [.pass(cutAt: nil, meanwhile: meanwhile, pause: pause, firstMailbox: first)])
          + meanwhile.indices.map { number in
            var rest = meanwhile
            rest.remove(at: number)
            return .pass(cutAt: cutAt, meanwhile: rest, pause: pause, firstMailbox: first)
          }
        for event in simpler {
          var candidate = self
          candidate.events[index] = event
          if fails(candidate) {
            self = candidate
            isSmaller = true
            break
          }
        }
      }
    }
  }
}
