import Glibc

/// Which file or directory it is, whatever its name.
package struct FileIdentity: Hashable, Sendable {
  package let device: UInt64
  package let inode: UInt64

  package init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

/// What `fstatat` says of a directory entry.
package struct FileStatus: Hashable, Sendable {
  package enum Kind: Hashable, Sendable { case regular, directory, symbolicLink, other }

  package let identity: FileIdentity
  package let kind: Kind
  package let size: Int64
  package let modified: FileTime
  package let changed: FileTime
  package let links: UInt64

  package init(
    identity: FileIdentity, kind: Kind, size: Int64, modified: FileTime, changed: FileTime, links: UInt64 = 1
  ) {
    self.identity = identity
    self.kind = kind
    self.size = size
    self.modified = modified
    self.changed = changed
    self.links = links
  }

  init(_ status: stat) {
    let kind: Kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .regular
      case S_IFDIR: .directory
      case S_IFLNK: .symbolicLink
      default: .other
      }
    self.init(
      identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)), kind: kind,
      size: Int64(status.st_size), modified: FileTime(status.st_mtim), changed: FileTime(status.st_ctim),
      links: UInt64(status.st_nlink))
  }
}

/// A directory's identity and times: equal ones mean that no entry came or went, as far as the file system's clock can
/// tell.
package struct DirectoryStamp: Hashable, Sendable {
  package let identity: FileIdentity
  package let modified: FileTime
  package let changed: FileTime

  package init(identity: FileIdentity, modified: FileTime, changed: FileTime) {
    self.identity = identity
    self.modified = modified
    self.changed = changed
  }

  init(_ status: FileStatus) {
    self.init(identity: status.identity, modified: status.modified, changed: status.changed)
  }
}
