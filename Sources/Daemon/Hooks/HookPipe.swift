import Glibc

/// One pipe from a hook, read without blocking and cut into lines.
struct HookPipe {
  private(set) var readEnd: Int32
  private(set) var writeEnd: Int32
  private(set) var output = HookOutput()

  init?() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    (readEnd, writeEnd) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
  }

  /// Whether poll(2) should wake for it: not once it floods, which is then read at a pace that costs nothing.
  var isWatched: Bool { readEnd >= 0 && output.omitted == 0 }
  var floods: Bool { readEnd >= 0 && output.omitted > 0 }

  /// What is there now, at most what a pipe holds.
  mutating func lines() -> [String] {
    var lines: [String] = []
    var chunk = [UInt8](repeating: 0, count: 8192)
    for _ in 0..<8 where readEnd >= 0 {
      let count = read(readEnd, &chunk, chunk.count)
      if count > 0 {
        lines += output.add(chunk[..<count])
      } else if count == 0 || (errno != EINTR && errno != EAGAIN) {
        closeReadEnd()
      } else if errno == EAGAIN {
        break
      }
    }
    return lines
  }

  /// What is left once the hook has ended.
  mutating func rest() -> [String] {
    var lines = lines()
    if let last = output.finish() { lines.append(last) }
    if output.omitted > 0 { lines.append("(and more: \(output.omitted) lines)") }
    return lines
  }

  mutating func closeBoth() {
    closeReadEnd()
    closeWriteEnd()
  }

  mutating func closeWriteEnd() {
    if writeEnd >= 0 { Glibc.close(writeEnd) }
    writeEnd = -1
  }

  mutating func closeReadEnd() {
    if readEnd >= 0 { Glibc.close(readEnd) }
    readEnd = -1
  }
}
