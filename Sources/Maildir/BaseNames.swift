import LinuxFiles
import Locks

/// New base names: opaque and unique without the host's name, since identity lives in the state.
///
///     1790000000.M123456Q7R00ff00ff00ff00ff          the part that names the file in tmp/
///     1790000000.M123456Q7R00ff00ff00ff00ff,S=8123   the base name, once the size is known
package struct BaseNames: Sendable {
  private let clock: WallClock
  private let random: @Sendable () -> UInt64

  package init(
    clock: WallClock = .system,
    random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
  ) {
    self.clock = clock
    self.random = random
  }

  /// A part that no other file has: time, a number within this process, and 64 random bits.
  package func next() -> FileName {
    let now = clock.now()
    let number = BaseNames.counter.withLock { counter in
      counter &+= 1
      return counter
    }
    let text = String(random(), radix: 16)
    let padded = String(repeating: "0", count: 16 - text.count) + text
    return FileName("\(max(now.seconds, 0)).M\(now.nanoseconds / 1000)Q\(number)R\(padded)") ?? "unnamed"
  }

  private static let counter = Mutex<UInt64>(0)

  /// The base name of a message whose size on disk is known.
  package static func baseName(unique: FileName, size: Int64) -> FileName {
    FileName(bytes: unique.bytes + Array(",S=\(size)".utf8)) ?? unique
  }

  /// The file in `tmp/` from which a base name came: all before its first comma.
  package static func temporaryName(of base: FileName) -> FileName {
    FileName(bytes: base.bytes.prefix { $0 != UInt8(ascii: ",") }) ?? base
  }
}
