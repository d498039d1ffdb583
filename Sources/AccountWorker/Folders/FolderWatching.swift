import Glibc
import LinuxFiles

/// How an account's folders are watched for what people and programs do there.
package enum FolderWatching: Hashable, Sendable {
  /// Not known yet.
  case unknown
  /// The kernel tells of changes.
  case watched
  /// All folders, or some, are looked at every few seconds instead.
  case scanned(FolderWatchTrouble)
}

/// Why the kernel can't tell of changes in folders.
package struct FolderWatchTrouble: Error, Hashable, Sendable {
  package let what: String
  /// What a person can do about it.
  package let remedy: String

  private init(_ what: String, remedy: String) {
    self.what = what
    self.remedy = remedy
  }

  static let onNetwork = FolderWatchTrouble(
    "the Maildir is on a network file system, where other machines' changes are not told",
    remedy: "nothing need be done: changes are found a few seconds later")

  /// What stands behind a call for inotify that failed.
  package init(_ error: any Error) {
    let limits = InotifyLimits.read()
    func told(_ limit: Int?) -> String { limit.map(String.init) ?? "unknown" }
    switch (error as? FileError)?.code {
    case ENOSPC:
      self.init(
        "the kernel allows no more watches: fs.inotify.max_user_watches is \(told(limits?.watches))",
        remedy: "sudo sysctl fs.inotify.max_user_watches=524288")
    case EMFILE:
      self.init(
        "the kernel allows no more watchers: fs.inotify.max_user_instances is \(told(limits?.instances))",
        remedy: "sudo sysctl fs.inotify.max_user_instances=1024")
    default:
      self.init(
        "inotify does not work: \(error)", remedy: "check that /proc is mounted and that inotify is allowed here")
    }
  }
}
