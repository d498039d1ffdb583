import Glibc

/// Runs a short-lived program without a shell and gathers what it prints.
///
/// It must end in every case: the program may hang, print without end, or leave a child behind that keeps the pipes
/// open. So both pipes are read without blocking, up to a limit, until the program itself has ended or the time is up.
/// It stays in our process group, because one that asks on the terminal must be in the foreground.
enum HelperProgram {
  enum Status: Equatable, CustomStringConvertible {
    case exited(Int32)
    case killed(signal: Int32)

    var description: String {
      switch self {
      case .exited(let code): "ended with exit status \(code)"
      case .killed(let signal): "was ended by signal \(signal)"
      }
    }
  }

  struct Result {
    let status: Status
    let output: [UInt8]
    let complaint: [UInt8]
  }

  enum Fault: Error, Equatable {
    /// With the system's reason.
    case notStarted(String)
    case timedOut
  }

  static func run(_ words: [String], outputLimit: Int, timeout: Duration) throws(Fault) -> Result {
    var output = try Pipe(limit: outputLimit)
    defer { output.close() }
    var complaint = try Pipe(limit: 4096)
    defer { complaint.close() }
    let process = try start(words, output: output.writeEnd, complaint: complaint.writeEnd)
    output.closeWriteEnd()
    complaint.closeWriteEnd()

    let deadline = ContinuousClock.now + timeout
    var pause: Int32 = 1
    while ContinuousClock.now < deadline {
      let status = ended(process)
      output.drain()
      complaint.drain()
      if let status { return Result(status: status, output: output.content, complaint: complaint.content) }
      var waits = [output, complaint].filter(\.isOpen).map { pollfd(fd: $0.readEnd, events: Int16(POLLIN), revents: 0) }
      poll(&waits, nfds_t(waits.count), pause)
      pause = min(pause * 2, 50)
    }
    kill(process, SIGTERM)
    for _ in 0..<50 {
      if ended(process) != nil { throw .timedOut }
      usleep(10_000)
    }
    kill(process, SIGKILL)
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    throw .timedOut
  }

  /// How the program ended; nil while it runs.
  private static func ended(_ process: pid_t) -> Status? {
    var status: Int32 = 0
    let result = waitpid(process, &status, WNOHANG)
    if result == 0 || (result < 0 && errno == EINTR) { return nil }
    // Someone else took its status: nothing says that it went well.
    guard result == process else { return .exited(255) }
    let signal = status & 0x7F
    return signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
  }

  private static func start(_ words: [String], output: Int32, complaint: Int32) throws(Fault) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, complaint, STDERR_FILENO)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    var none = sigset_t()
    sigemptyset(&none)
    sigemptyset(&defaults)
    for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&defaults, signal) }
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    guard let program = arguments[0] else { throw .notStarted(reason(ENOENT)) }
    var process: pid_t = 0
    let failure = posix_spawnp(&process, program, &actions, &attributes, arguments, environ)
    guard failure == 0 else { throw .notStarted(reason(failure)) }
    return process
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
    guard pipe(&ends) == 0 else { throw .notStarted(reason(errno)) }
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
