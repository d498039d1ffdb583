import ControlProtocol
import Glibc

/// Standard error, without a buffer.
package enum StandardError {
  /// `mailmirror: WHERE: WHAT; REMEDY`
  package static func write(error: String) { write("mailmirror: \(printable(error, limit: 1000))\n") }

  package static func write(_ text: String) { _ = writeWhole(text, to: STDERR_FILENO) }
}

/// Nobody reads standard output any more, as with `| head -1`: the command ends quietly.
struct OutputClosed: Error {}

/// Standard output, without a buffer, for streams that somebody may stop reading.
enum StandardOutput {
  /// From here on a closed pipe is an error of `write` and no signal.
  static func ignorePipeSignal() { signal(SIGPIPE, SIG_IGN) }

  /// Whether somebody reads it, as far as the system tells (poll(2)).
  static func checkOpen() throws(OutputClosed) {
    var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
    if poll(&output, 1, 0) > 0 { throw OutputClosed() }
  }

  static func write(line: String) throws(OutputClosed) { try write(line + "\n") }

  static func write(_ text: String) throws(OutputClosed) {
    guard writeWhole(text, to: STDOUT_FILENO) else { throw OutputClosed() }
  }
}

private func writeWhole(_ text: String, to descriptor: Int32) -> Bool {
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    if count < 0, errno == EAGAIN {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = poll(&waiting, 1, -1)
      continue
    }
    guard count > 0 else { return false }
    bytes = bytes.dropFirst(count)
  }
  return true
}
