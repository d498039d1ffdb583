import Foundation

struct ProgramFailure: Error, CustomStringConvertible {
  let description: String
}

/// Other programs that tests run, and a folder for what they need.
enum Programs {
  /// A folder that goes when the process ends.
  static let folder: URL = {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mailmirror-transport-\(getpid())")
    try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    chmod(folder.path, 0o755)
    atexit {
      for pid in Programs.started.withLock({ $0 }) { kill(pid, SIGTERM) }
      try? FileManager.default.removeItem(at: Programs.folder)
    }
    return folder
  }()

  /// The processes that end with this one.
  static let started = LockedList()

  final class LockedList: @unchecked Sendable {
    private let lock = NSLock()
    private var pids: [pid_t] = []

    func withLock<Result>(_ body: (inout [pid_t]) -> Result) -> Result {
      lock.lock()
      defer { lock.unlock() }
      return body(&pids)
    }
  }

  /// Runs a program to its end and returns what it printed.
  @discardableResult
  static func run(_ path: String, _ arguments: [String]) throws -> String {
    let output = folder.appendingPathComponent("output-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: output) }
    let pid = try spawn(path, arguments, input: "/dev/null", output: output.path)
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
    guard status == 0 else {
      throw ProgramFailure(description: "\(path) \(arguments.joined(separator: " ")): \(text)")
    }
    return text
  }

  /// Starts a program that ends with this process. `input` is kept open, so that it never ends.
  static func start(_ path: String, _ arguments: [String]) throws -> pid_t {
    let pid = try spawn(path, arguments, input: nil, output: folder.appendingPathComponent("servers.log").path)
    started.withLock { $0.append(pid) }
    return pid
  }

  static func stop(_ pid: pid_t) {
    started.withLock { $0.removeAll { $0 == pid } }
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  /// With nothing of this process's descriptors and signal settings.
  private static func spawn(_ path: String, _ arguments: [String], input: String?, output: String) throws -> pid_t {
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    if let input {
      posix_spawn_file_actions_addopen(&files, 0, input, O_RDONLY, 0)
    } else {
      posix_spawn_file_actions_adddup2(&files, try endlessInput.get(), 0)
    }
    posix_spawn_file_actions_addopen(&files, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&files, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var words = ([path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid = pid_t()
    guard posix_spawn(&pid, path, &files, &attributes, &words, environ) == 0 else {
      throw ProgramFailure(description: "\(path) can't be started")
    }
    return pid
  }

  /// A pipe to read from that nobody writes to or closes.
  private static let endlessInput = Result {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw ProgramFailure(description: "no pipe") }
    return ends[0]
  }

  /// A port of 127.0.0.1 that was free a moment ago.
  static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { Glibc.close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let done = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard done else { throw ProgramFailure(description: "no free port") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// Waits until something listens on the port.
  static func waitForPort(_ port: Int) throws {
    for _ in 0..<1_200 {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { Glibc.close(descriptor) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = UInt16(port).bigEndian
      address.sin_addr.s_addr = inet_addr("127.0.0.1")
      let connected = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      if connected { return }
      usleep(25_000)
    }
    throw ProgramFailure(description: "nothing listens on port \(port)")
  }
}
