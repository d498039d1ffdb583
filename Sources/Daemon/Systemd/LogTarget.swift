import Glibc

/// Where log messages go.
package enum LogTarget: Equatable, Sendable {
  /// To the journal, with fields of their own for account, mailbox and UID.
  case journal
  /// Plain lines on standard error.
  case standardError

  /// The journal where the descriptor is connected to it: `$JOURNAL_STREAM` is then that stream's `DEVICE:INODE`
  /// (systemd.exec(5)). A redirection in between, into a file or a pipe, is respected so.
  package static func of(descriptor: Int32 = STDERR_FILENO, environment: [String: String]) -> LogTarget {
    guard let stream = environment["JOURNAL_STREAM"] else { return .standardError }
    let parts = stream.split(separator: ":", omittingEmptySubsequences: false).map { UInt64($0) }
    var status = stat()
    guard parts.count == 2, fstat(descriptor, &status) == 0, parts[0] == UInt64(status.st_dev),
      parts[1] == UInt64(status.st_ino)
    else { return .standardError }
    return .journal
  }
}
