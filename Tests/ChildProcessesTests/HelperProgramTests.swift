import Foundation
import Synchronization
import Testing

@testable import ChildProcesses

@Suite struct HelperProgramTests {
  private func isAlive(_ pid: pid_t) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return false }
    return !status.contains("State:\tZ")
  }

  private func waitUntil(_ condition: () -> Bool) async throws -> Bool {
    for _ in 0..<2_000 {
      if condition() { return true }
      try await Task.sleep(for: .milliseconds(10))
    }
    return false
  }

  @Test func aHungProgramGoesWithAllThatItStarted() async throws {
    let children = RunningChildren()
    let file = FileManager.default.temporaryDirectory.appending(path: "mailmirror-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: file) }
    // The inner one ignores the polite signal, so that only the group's end ends it.
    let script = "sh -c 'trap \"\" TERM; echo $$ > \(file); while :; do sleep 1; done' & wait"
    #expect(throws: HelperProgram.Fault.timedOut) {
      try HelperProgram.run(["sh", "-c", script], outputLimit: 100, timeout: .seconds(3), among: children)
    }
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let inner = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    let hasTerminal = FileManager.default.isReadableFile(atPath: "/dev/tty") && open("/dev/tty", O_RDWR) >= 0
    if !hasTerminal { #expect(try await waitUntil { !isAlive(inner) }) }
    kill(inner, SIGKILL)
    #expect(children.count == 0)
  }

  @Test func noDescriptorOfOursIsInherited() throws {
    let open = try #require(FileHandle(forReadingAtPath: "/etc/passwd"))
    _ = fcntl(open.fileDescriptor, F_SETFD, 0)
    let result = try HelperProgram.run(
      ["ls", "/proc/self/fd"], outputLimit: 1000, timeout: .seconds(10), among: RunningChildren())
    // The fourth is the one through which `ls` reads the directory.
    #expect(String(decoding: result.output, as: UTF8.self).split(separator: "\n") == ["0", "1", "2", "3"])
    try open.close()
  }

  @Test func allEndAtOnce() async throws {
    let children = RunningChildren()
    let threads = WaitingThreads(limit: 8)
    let file = FileManager.default.temporaryDirectory.appending(path: "mailmirror-\(UUID().uuidString)").path
    let ready = [1, 3, 5].map { "\(file)-\($0)" }
    defer { for file in ready { try? FileManager.default.removeItem(atPath: file) } }
    try await withThrowingTaskGroup(of: ProgramStatus.self) { group in
      for index in 0..<6 {
        let deaf = "trap '' TERM; : > \(file)-\(index); while :; do sleep 1; done"
        let script = index % 2 == 0 ? "exec sleep 60" : deaf
        group.addTask {
          try await threads.run {
            try HelperProgram.run(["sh", "-c", script], outputLimit: 10, timeout: .seconds(60), among: children).status
          }
        }
      }
      #expect(try await waitUntil { children.count == 6 })
      #expect(try await waitUntil { ready.allSatisfy { FileManager.default.fileExists(atPath: $0) } })
      let start = ContinuousClock.now
      children.endAll(grace: .milliseconds(200))
      #expect(ContinuousClock.now - start < .seconds(5))
      var ends: [ProgramStatus] = []
      for try await status in group { ends.append(status) }
      #expect(ends.count { $0 == .killed(signal: SIGTERM) } == 3 && ends.count { $0 == .killed(signal: SIGKILL) } == 3)
      #expect(ContinuousClock.now - start < .seconds(10))
    }
    #expect(throws: HelperProgram.Fault.notStarted("mailmirror is ending")) {
      try HelperProgram.run(["true"], outputLimit: 10, timeout: .seconds(5), among: children)
    }
  }

  @Test func nothingIsAskedOfWhatHasEnded() throws {
    let children = RunningChildren()
    let start = ContinuousClock.now
    children.endAll(grace: .seconds(5))
    #expect(ContinuousClock.now - start < .seconds(1))
  }
}

/// How many are in it, and how many were at most.
private final class Gauge: Sendable {
  private let state = Mutex((now: 0, most: 0))

  func enter() { state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
  func leave() { state.withLock { $0.now -= 1 } }
  var most: Int { state.withLock { $0.most } }
}

@Suite struct WaitingThreadsTests {
  @Test func callsBeyondTheLimitWaitForTheirTurn() async throws {
    let threads = WaitingThreads(limit: 3)
    let gauge = Gauge()
    let numbers = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<20 {
        group.addTask {
          try await threads.run {
            gauge.enter()
            // The first wait for each other.
            for _ in 0..<1_000 where gauge.most < 3 { usleep(5_000) }
            usleep(5_000)
            gauge.leave()
            return number
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(numbers.sorted() == Array(0..<20))
    #expect(gauge.most == 3)
  }

  @Test func errorsComeBack() async {
    await #expect(throws: NotStarted(reason: "x")) {
      try await WaitingThreads().run { throw NotStarted(reason: "x") }
    }
  }
}
