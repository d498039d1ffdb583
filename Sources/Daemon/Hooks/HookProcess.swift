import CLinux
import Glibc

/// The process of a running hook, which leads a session and so a group of its own.
struct HookProcess {
  private let identifier: pid_t
  /// Readable when the process has ended; -1 where the system has none left.
  let descriptor: Int32

  struct NotStarted: Error {
    let reason: String

    init(_ code: Int32) { reason = String(cString: strerror(code)) }
  }

  init(_ command: HookCommand, _ input: HookInput, output: Int32, error: Int32) throws(NotStarted) {
    let content = try Self.memoryFile(input.lines)
    defer { close(content) }
    let environment = command.environment.merging(input.variables) { $1 }.map { "\($0.key)=\($0.value)" }
    let directory = access(command.directory, X_OK) == 0 ? command.directory : "/"
    var process: pid_t = 0
    let failure = Self.withStrings(command.words) { arguments in
      Self.withStrings(environment) { variables in
        directory.withCString { directory in
          var program = mm_program(
            arguments: arguments, environment: variables, directory: directory, input: content, output: output,
            error: error)
          return mm_spawn(&process, &program)
        }
      }
    }
    guard failure == 0 else { throw NotStarted(failure) }
    identifier = process
    descriptor = mm_process_descriptor(process)
  }

  /// Whether it has ended; its status and its group stay until `reap`.
  var hasEnded: Bool {
    var information = siginfo_t()
    let result = waitid(P_PID, id_t(identifier), &information, WEXITED | WNOHANG | WNOWAIT)
    return result == 0 ? information.si_signo != 0 : errno != EINTR
  }

  /// To the process and to all that it started and that stayed in its group.
  func signalGroup(_ signal: Int32) { kill(-identifier, signal) }

  /// Takes the status of the ended process.
  func reap() -> HookOutcome {
    var status: Int32 = 0
    while waitpid(identifier, &status, 0) < 0 {
      // Someone else took its status: nothing says that it went well.
      guard errno == EINTR else { return .exited(status: 255) }
    }
    let signal = status & 0x7F
    if signal != 0 { return .killed(signal: signal) }
    let code = (status >> 8) & 0xFF
    return code == 0 ? .succeeded : .exited(status: code)
  }

  func closeDescriptor() { if descriptor >= 0 { close(descriptor) } }

  /// An unnamed file that holds the bytes, at its beginning.
  private static func memoryFile(_ bytes: [UInt8]) throws(NotStarted) -> Int32 {
    let descriptor = mm_memory_file("mailmirror-changes")
    guard descriptor >= 0 else { throw NotStarted(errno) }
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        let code = errno
        if code == EINTR { continue }
        close(descriptor)
        throw NotStarted(code)
      }
      written += count
    }
    lseek(descriptor, 0, SEEK_SET)
    return descriptor
  }

  private static func withStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> Result
  ) -> Result {
    var pointers = strings.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
  }
}
