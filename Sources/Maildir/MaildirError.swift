import LinuxFiles

/// What is wrong with a place on disk, beyond a failed call (`FileError`).
package enum MaildirError: Error, Hashable, Sendable {
  /// The account's root directory is not there (a missing mount, a moved directory).
  case rootMissing(path: String)
  /// A folder that the state knows has no directory, or lacks `cur/`, `new/` or `tmp/`: nothing may be removed for it.
  case folderMissing(path: String)
  /// A path below the root is a symbolic link or not a directory.
  case notADirectory(path: String)
  /// The base name was found neither in `new/` nor in `cur/`.
  case messageMissing(base: FileName)
  /// Files come, go or are renamed all the time, so that what is not seen may be there nonetheless.
  case restless(path: String)
  /// What was read back from the disk is not what was written.
  case differs(path: String)
}

extension MaildirError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .rootMissing(let path):
      "\(path): the mail directory is missing; mount it, or put it back"
    case .folderMissing(let path):
      "\(path): the folder, or its cur, new or tmp, is missing; put it back, or remove its mailbox on purpose"
    case .notADirectory(let path):
      "\(path): not a directory; replace it by the folder that was there"
    case .messageMissing(let base):
      "\(base): no file of that name in new or cur; the next scan finds where it went"
    case .restless(let path):
      "\(path): its files are renamed all the time; it is looked at again later"
    case .differs(let path):
      "\(path): differs from what was written; check the disk"
    }
  }
}
