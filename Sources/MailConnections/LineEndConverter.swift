import NIOCore

#if canImport(Glibc)
  import Glibc
#endif

/// Turns CRLF into LF in a stream that is cut anywhere, and keeps count of the LFs that came alone. Lone CRs, bare LFs,
/// NULs and a missing line end at the end stay as they are.
///
/// A CR at the end of a piece is held back, as the next piece tells whether it belongs to a line end.
struct LineEndConverter {
  private(set) var wireOctets: UInt64 = 0
  private(set) var storedOctets: UInt64 = 0
  private var holdsCR = false
  private var lines = LineEndCounter()

  /// nil when every LF came as CRLF.
  var lineEnds: LineEndRuns? { lines.result }

  /// Converts as much of `input` as fits into the free space of `output` without growing it, and returns how many
  /// octets of `input` are done. Two free octets are enough for progress.
  mutating func convert(_ input: UnsafeRawBufferPointer, into output: inout ByteBuffer) -> Int {
    guard let source = input.baseAddress, output.writableBytes > 1 else { return 0 }
    // One octet is kept for a CR that was held back.
    let count = min(input.count, output.writableBytes - 1)
    let written = output.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { space in
      guard let target = space.baseAddress else { return 0 }
      return convert(source, count, to: target)
    }
    wireOctets += UInt64(count)
    storedOctets += UInt64(written)
    return count
  }

  /// What is held back when the stream ends.
  mutating func finish(into output: inout ByteBuffer) {
    guard holdsCR else { return }
    holdsCR = false
    output.writeInteger(UInt8(ascii: "\r"))
    storedOctets += 1
  }

  private mutating func convert(_ source: UnsafeRawPointer, _ count: Int, to target: UnsafeMutableRawPointer) -> Int {
    let cr = UInt8(ascii: "\r")
    var read = 0
    var written = 0
    if holdsCR {
      holdsCR = false
      if source.load(as: UInt8.self) == UInt8(ascii: "\n") {
        target.storeBytes(of: UInt8(ascii: "\n"), as: UInt8.self)
        lines.sawCRLF()
        read = 1
      } else {
        target.storeBytes(of: cr, as: UInt8.self)
      }
      written = 1
    }
    while read < count, let found = memchr(source + read, 0x0A, count - read) {
      let end = UnsafeRawPointer(found) - source
      if end > read, source.load(fromByteOffset: end - 1, as: UInt8.self) == cr {
        memcpy(target + written, source + read, end - 1 - read)
        written += end - 1 - read
        lines.sawCRLF()
      } else {
        memcpy(target + written, source + read, end - read)
        written += end - read
        lines.sawLF()
      }
      target.storeBytes(of: UInt8(ascii: "\n"), toByteOffset: written, as: UInt8.self)
      written += 1
      read = end + 1
    }
    if read < count {
      holdsCR = source.load(fromByteOffset: count - 1, as: UInt8.self) == cr
      let rest = count - read - (holdsCR ? 1 : 0)
      memcpy(target + written, source + read, rest)
      written += rest
    }
    return written
  }
}

/// Counts lines by how they end, as runs.
private struct LineEndCounter {
  private var runs: [UInt64] = []
  private var current: UInt64 = 0
  private var isCRLF = true
  private var isTooMany = false

  mutating func sawCRLF() {
    if !isCRLF { turn() }
    current &+= 1
  }

  mutating func sawLF() {
    if isCRLF { turn() }
    current &+= 1
  }

  private mutating func turn() {
    isCRLF.toggle()
    guard !isTooMany else { return }
    guard runs.count + 1 < LineEndRuns.limit else {
      isTooMany = true
      runs = []
      return
    }
    runs.append(current)
    current = 0
  }

  var result: LineEndRuns? {
    if isTooMany { return .tooMany }
    if runs.isEmpty { return nil }
    return .runs(runs + [current])
  }
}
