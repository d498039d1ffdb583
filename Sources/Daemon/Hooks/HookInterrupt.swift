import Glibc

/// Ends a running hook from another thread: a pipe that the thread of the run watches.
final class HookInterrupt: Sendable {
  let descriptor: Int32
  private let writeEnd: Int32

  init?() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (descriptor, writeEnd) = (ends[0], ends[1])
  }

  deinit {
    close(descriptor)
    close(writeEnd)
  }

  func fire() {
    var byte: UInt8 = 1
    _ = write(writeEnd, &byte, 1)
  }
}
