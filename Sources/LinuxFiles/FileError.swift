import Glibc

/// A file call that failed: what was tried, on which path, and the kernel's reason.
package struct FileError: Error, Hashable, Sendable {
  package let operation: String
  package let path: String
  package let code: Int32

  package init(_ operation: String, _ path: String, _ code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }

  /// The disk or the quota is full: everything waits until there is room.
  package var isFull: Bool { code == ENOSPC || code == EDQUOT }
  /// The place can be read only, or not at all: nothing is written there until a person changes that.
  package var isRefused: Bool { code == EROFS || code == EACCES || code == EPERM }
  /// The disk itself fails.
  package var isBroken: Bool { code == EIO }
  package var isMissing: Bool { code == ENOENT }
  /// A link or a file is where a directory was meant.
  package var isNoDirectory: Bool { code == ELOOP || code == ENOTDIR }
  package var isTaken: Bool { code == EEXIST }

  /// What a person can do about it.
  package var remedy: String {
    switch code {
    case ENOSPC: "free some space on that file system"
    case EDQUOT: "free some space, or have the quota raised"
    case EROFS: "mount that file system writable"
    case EACCES, EPERM: "give yourself the right to read and write there"
    case EIO: "check the disk (see the kernel's log)"
    case ENOENT, ENOTDIR: "see whether the file system is mounted and the directory is where it was"
    case ELOOP: "replace the symbolic link by what it points to"
    case EMFILE, ENFILE: "raise the limit of open files (ulimit -n)"
    case ENAMETOOLONG: "map that mailbox to a shorter folder name"
    default: "see the kernel's log"
    }
  }
}

extension FileError: CustomStringConvertible {
  package var description: String { "\(path): \(operation): \(String(cString: strerror(code))); \(remedy)" }
}
