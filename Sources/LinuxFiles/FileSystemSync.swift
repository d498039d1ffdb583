import CLinux
import Glibc

/// One call that makes many files durable instead of one for each: the kernel writes them out together, at a fraction of
/// the work. It waits for what others have written to that file system, too, and it must be relied on only where the
/// kernel tells it of errors.
extension DirectoryHandle {
  /// Makes everything durable that was written to this file system before the call, by anybody (syncfs(2)).
  ///
  /// Where it fails, something that was written since this handle was opened is not on the disk; it need not be ours.
  /// - Returns: false, with nothing done, where that can't be relied on or would take long.
  package func syncFileSystem() throws -> Bool {
    guard Self.kernelTellsErrors, mm_syncfs_is_durable(descriptor) == 1, !Self.othersWriteMuch else { return false }
    try Step.pass(.syncFile, "group", path: path)
    _ = try retrying("syncfs", path) { mm_syncfs(descriptor) }
    return true
  }

  /// syncfs(2): errors of writing are told from Linux 5.8 on.
  private static let kernelTellsErrors: Bool = {
    var names = utsname()
    guard uname(&names) == 0 else { return false }
    let release = withUnsafeBytes(of: names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    return tellsErrors(release: release)
  }()

  static func tellsErrors(release: String) -> Bool {
    let numbers = release.split(separator: ".").prefix(2).map { Int($0.prefix { $0.isNumber }) ?? 0 }
    return numbers.count == 2 && (numbers[0], numbers[1]) >= (5, 8)
  }

  /// More waits to be written than a few of our own groups.
  private static var othersWriteMuch: Bool {
    guard let system = try? DirectoryHandle.open(path: "/proc"),
      let text = try? system.openFile("meminfo").contents(limit: 64 << 10)
    else { return true }
    return dirtyKilobytes(text).map { $0 > mostDirtyKilobytes } ?? true
  }

  private static let mostDirtyKilobytes = 64 << 10

  /// proc(5): `Dirty:               268 kB`
  static func dirtyKilobytes(_ information: [UInt8]) -> Int? {
    let line = information.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "Dirty:".utf8) }
    return line.flatMap { Int(String(decoding: $0.filter { (0x30...0x39).contains($0) }, as: UTF8.self)) }
  }
}
