/// What a file's or directory's metadata was when last seen; times are nanoseconds since 1970. Equal stamps mean
/// "not changed" as far as the file system can tell.
package struct FileStamp: Hashable, Sendable {
  package var device: Int64
  package var inode: Int64
  package var size: Int64
  package var modified: Int64
  package var changed: Int64

  /// A modification time that no file has: what is recorded with it is read when it is met the next time.
  package static let unread = Int64.min

  package init(device: Int64, inode: Int64, size: Int64, modified: Int64, changed: Int64) {
    self.device = device
    self.inode = inode
    self.size = size
    self.modified = modified
    self.changed = changed
  }
}
