import Glibc

/// Runs a short-lived program without a shell and gathers what it prints.
///
/// It must end in every case: the program may hang, print without end, or leave a child behind that keeps the pipes
/// open. So both pipes are read without blocking, up to a limit, until the program itself has ended or the time is up.
/// Then it is ended, where it leads a group with all that it has started.
package enum HelperProgram {
  package struct Result {
    package let status: ProgramStatus
    package let output: [UInt8]
    package let complaint: [UInt8]
  }

  package enum Fault: Error, Equatable {
    /// With the system's reason.
    case notStarted(String)
    case timedOut
  }

  /// Blocks until the program has ended, `timeout` and half a second at most.
  package static func run(
    _ words: [String], outputLimit: Int, timeout: Duration, among children: RunningChildren = .shared
  ) throws(Fault) -> Result {
    var output = try Pipe(limit: outputLimit)
    defer { output.close() }
    var complaint = try Pipe(limit: 4096)
    defer { complaint.close() }
    let process: ChildProcess
    do {
      process = try children.start(words, output: output.writeEnd, complaint: complaint.writeEnd)
    } catch {
      throw .notStarted(error.reason)
    }
    output.closeWriteEnd()
    complaint.closeWriteEnd()

    let deadline = ContinuousClock.now + timeout
    var pause: Int32 = 1
    while ContinuousClock.now < deadline {
      let status = children.ended(process)
      output.drain()
      complaint.drain()
      if let status { return Result(status: status, output: output.content, complaint: complaint.content) }
      var waits = [output, complaint].filter(\.isOpen).map { pollfd(fd: $0.readEnd, events: Int16(POLLIN), revents: 0) }
      poll(&waits, nfds_t(waits.count), pause)
      pause = min(pause * 2, 50)
    }
    children.signal(process, SIGTERM)
    for _ in 0..<50 where !children.hasEnded(process) { usleep(10_000) }
    // Also where it has ended: what it started may go on.
    children.signal(process, SIGKILL)
    while children.ended(process) == nil { usleep(1_000) }
    throw .timedOut
  }
}

/// One pipe from a program, read without blocking and kept up to a limit; what is above it is read and dropped.
private struct Pipe {
  let readEnd: Int32
  private(set) var writeEnd: Int32
  private(set) var content: [UInt8] = []
  private(set) var isOpen = true
  private let limit: Int

  init(limit: Int) throws(HelperProgram.Fault) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw .notStarted(systemReason(errno)) }
    (readEnd, writeEnd, self.limit) = (ends[0], ends[1], limit)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
  }

  mutating func drain() {
    var chunk = [UInt8](repeating: 0, count: 4096)
    // Bounded, so that a program that prints without end can't keep us from looking at the clock.
    for _ in 0..<64 where isOpen {
      let count = read(readEnd, &chunk, chunk.count)
      if count < 0 {
        if errno == EINTR { continue }
        isOpen = errno == EAGAIN
        return
      }
      if count == 0 { isOpen = false }
      content.append(contentsOf: chunk[..<count].prefix(limit - content.count))
    }
  }

  mutating func closeWriteEnd() {
    Glibc.close(writeEnd)
    writeEnd = -1
  }

  mutating func close() {
    Glibc.close(readEnd)
    if writeEnd >= 0 { Glibc.close(writeEnd) }
  }
}
