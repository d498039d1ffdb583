import Glibc

/// A failpoint: passed before every call after which the disk, the state or the server has changed, so that a test can
/// stop the program at each of them.
///
///     MAILMIRROR_FAILPOINT=7:exit             ends the process (86) at the seventh pass
///     MAILMIRROR_FAILPOINT=databaseCommit#9:hang   the ninth commit never ends
///     MAILMIRROR_FAILPOINT=rename#2:EIO       the second rename fails
///     MAILMIRROR_FAILPOINT=write#1+:ENOSPC    every write fails
///     MAILMIRROR_FAILPOINT_LOG=FILE           appends each site as it is passed
package enum Step {
  package enum Site: String, CaseIterable, Sendable {
    case openTemporary, write, setTime, syncFile, rename, link, unlink, makeDirectory, syncDirectory, createFile
    case databaseCommit, networkWrite

    /// What such a call fails with most often.
    var typicalError: Int32 {
      switch self {
      case .syncFile, .syncDirectory, .rename, .link, .unlink, .setTime, .databaseCommit: EIO
      case .openTemporary, .write, .makeDirectory, .createFile: ENOSPC
      case .networkWrite: ECONNRESET
      }
    }
  }

  /// The faults of one test, which follow its work onto the disk threads.
  @TaskLocal package static var faults: Faults?

  private static let environment: Faults? = Faults.fromEnvironment()

  /// The closure as it is to run on a disk thread, with the faults of this task.
  static func keepingFaults(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
    guard let faults else { return body }
    return { $faults.withValue(faults) { body() } }
  }

  /// Counts the pass and, where a fault is due, ends the process or throws a `FileError`. The label tells sites of one
  /// kind apart: `try Step.pass(.rename, "publish")` is `rename.publish` in the log and in a rule.
  package static func pass(_ site: Site, _ label: StaticString = "", path: @autoclosure () -> String = "") throws {
    guard let active = faults ?? environment else { return }
    try active.pass(site, label, path: path())
  }
}
