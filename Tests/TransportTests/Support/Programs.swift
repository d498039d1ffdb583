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
  static func run(_ path: String, _ arguments: [String], input: Data? = nil) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.currentDirectoryURL = folder
    let output = folder.appendingPathComponent("output-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: output.path, contents: nil)
    let handle = try FileHandle(forWritingTo: output)
    process.standardOutput = handle
    process.standardError = handle
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    let text = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
    guard process.terminationStatus == 0 else {
      throw ProgramFailure(description: "\(path) \(arguments.joined(separator: " ")): \(text)")
    }
    return text
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
    for _ in 0..<200 {
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
