import Glibc

/// A program that we speak to through its standard input and output, which are one end of a socket pair.
package struct PipedProgram: Sendable {
  /// Our ends, which the caller owns: of the socket pair, and of the pipe that is the program's standard error.
  package struct Descriptors: Sendable {
    package let channel: Int32
    package let complaint: Int32
  }

  private let child: ChildProcess
  private let children: RunningChildren

  /// Blocks as long as the system takes to find and start the program.
  package static func start(
    _ words: [String], among children: RunningChildren = .shared
  ) throws(NotStarted) -> (PipedProgram, Descriptors) {
    var sockets: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &sockets) == 0 else { throw NotStarted(reason: systemReason(errno)) }
    var pipes: [Int32] = [-1, -1]
    guard pipe(&pipes) == 0 else {
      let reason = systemReason(errno)
      for descriptor in sockets { close(descriptor) }
      throw NotStarted(reason: reason)
    }
    for descriptor in pipes { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    defer {
      close(sockets[1])
      close(pipes[1])
    }
    do throws(NotStarted) {
      let child = try children.start(words, input: sockets[1], output: sockets[1], complaint: pipes[1])
      return (
        PipedProgram(child: child, children: children), Descriptors(channel: sockets[0], complaint: pipes[0])
      )
    } catch {
      close(sockets[0])
      close(pipes[0])
      throw error
    }
  }

  /// How it ended; nil while it runs. To be asked until it is not nil: only that frees its entry in the system's table.
  package var ended: ProgramStatus? { children.ended(child) }

  package func askToEnd() { children.signal(child, SIGTERM) }
  package func kill() { children.signal(child, SIGKILL) }
}
