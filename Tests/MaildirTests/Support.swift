import Crypto
import Glibc
import LinuxFiles
import MailModel
import Testing

@testable import Maildir

/// A real directory that goes with the test.
final class Place: Sendable {
  let path: String
  let directory: DirectoryHandle

  init() throws {
    var template = Array("/tmp/mailmirror-test-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
    guard let made else { throw FileError("mkdtemp", "/tmp", errno) }
    path = String(cString: made)
    directory = try DirectoryHandle.open(path: path)
  }

  deinit { Place.removeTree(path) }

  /// Depth first, with permissions taken back where a test took them away.
  private static func removeTree(_ path: String) {
    if unlink(path) == 0 { return }
    chmod(path, 0o700)
    if let directory = try? DirectoryHandle.open(path: path) {
      var names: [FileName] = []
      try? directory.forEachBatch { names += $0.map(\.name) }
      for name in names {
        var child = stat()
        let fd = directory.descriptor
        let isDirectory =
          name.withCString { fstatat(fd, $0, &child, AT_SYMLINK_NOFOLLOW) } == 0
          && child.st_mode & S_IFMT == S_IFDIR
        if isDirectory {
          removeTree(path + "/" + (name.text ?? ""))
        } else {
          _ = name.withCString { unlinkat(fd, $0, 0) }
        }
      }
    }
    rmdir(path)
  }

  func folder(_ layout: FolderLayout = .maildirPlusPlus, _ path: FolderPath = .root) throws -> MaildirFolder {
    try MaildirFolder.create(in: directory, at: path, layout: layout)
  }

  /// Puts a file there as another program would.
  func put(_ relative: String, _ text: String = "x") throws {
    let descriptor = open(path + "/" + relative, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0 else { throw FileError("open", relative, errno) }
    _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
  }

  func text(_ relative: String) throws -> String? {
    let parts = relative.split(separator: "/").compactMap { FileName(String($0)) }
    var handle = directory
    for part in parts.dropLast() { handle = try handle.openDirectory(part) }
    guard let last = parts.last, try handle.status(of: last) != nil else { return nil }
    return try handle.openFile(last).contents(limit: 1 << 20).map { String(decoding: $0, as: UTF8.self) }
  }

  func names(_ relative: String = "") throws -> [String] {
    var names: [String] = []
    try DirectoryHandle.open(path: path + "/" + relative).forEachBatch { names += $0.map(\.name.description) }
    return names.sorted()
  }
}

/// A generator that a printed seed repeats (SplitMix64).
struct Seeded: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A new seed, printed so that a failure can be repeated.
  static func fresh(_ test: String) -> Seeded {
    let seed = getenv("MAILMIRROR_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 0...UInt64.max)
    print("\(test): MAILMIRROR_SEED=\(seed)")
    return Seeded(seed)
  }
}

func sha256(_ bytes: [UInt8]) -> Digest? {
  var hash = SHA256()
  bytes.withUnsafeBytes { hash.update($0) }
  return Digest(hash.finish())
}

extension MaildirFolder {
  /// One message from the first byte to the published and synced file.
  @discardableResult
  func deliver(_ text: String, flags: SystemFlags = [], at time: Int64 = 1_000_000_000) throws -> ScanEntry {
    let file = try makeTemporary(BaseNames().next())
    try file.write(text.utf8)
    try file.setModificationTime(seconds: time)
    let base = try file.baseName()
    try file.sync()
    let entry = try publish(file, as: MessageFileName(base: base, flags: flags))
    try syncDirectories([entry.subdirectory])
    return entry
  }

  func everything(withStatus: Bool = true) throws -> [ScanEntry] {
    var all: [ScanEntry] = []
    try scan(withStatus: withStatus) { all += $0 }
    return all
  }
}
