import CLinux
import Glibc

/// Why a program was not started, in the system's words: `No such file or directory`.
package struct NotStarted: Error, Equatable, Sendable {
  package let reason: String
}

/// How a program ended.
package enum ProgramStatus: Equatable, Sendable, CustomStringConvertible {
  case exited(Int32)
  case killed(signal: Int32)

  package var description: String {
    switch self {
    case .exited(let code): "ended with exit status \(code)"
    case .killed(let signal): "was ended by signal \(signal)"
    }
  }

  /// From the status of waitpid(2).
  init(waited status: Int32) {
    let signal = status & 0x7F
    self = signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
  }
}

/// A program that we have started: run without a shell, with three descriptors of ours and no other, and with no
/// signal blocked or ignored.
///
/// Where there is no terminal it leads a process group of its own, so that it can be ended together with all that it
/// started. Where there is one it stays in our group, because a program that asks on the terminal must be in the
/// foreground.
package struct ChildProcess: Hashable, Sendable {
  let pid: pid_t
  let leadsGroup: Bool

  /// `input` and the others stay the caller's, who closes them; nil is `/dev/null`.
  static func start(
    _ words: [String], input: Int32?, output: Int32, complaint: Int32
  ) throws(NotStarted) -> ChildProcess {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input {
      posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    } else {
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, complaint, STDERR_FILENO)
    // Whatever was opened without O_CLOEXEC in some library stays ours all the same.
    mm_spawn_close_from(&actions, STDERR_FILENO + 1)

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
    let leadsGroup = !hasTerminal
    posix_spawnattr_setpgroup(&attributes, 0)
    let group = leadsGroup ? POSIX_SPAWN_SETPGROUP : 0
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | group))

    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    guard let program = arguments[0] else { throw NotStarted(reason: systemReason(ENOENT)) }
    var pid: pid_t = 0
    let failure = posix_spawnp(&pid, program, &actions, &attributes, arguments, environ)
    guard failure == 0 else { throw NotStarted(reason: systemReason(failure)) }
    return ChildProcess(pid: pid, leadsGroup: leadsGroup)
  }

  /// Whether a program of ours could ask a person on a terminal.
  private static var hasTerminal: Bool {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
    if terminal >= 0 { close(terminal) }
    return terminal >= 0
  }
}

/// The system's words for an error number: `Permission denied`.
package func systemReason(_ number: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
  return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
