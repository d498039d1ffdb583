import Glibc

/// What happened in a watched directory. A hint and no more: it may come late, twice, or for nothing.
package enum DirectoryNews: Hashable, Sendable {
  /// A file of that name came as a whole, or one that was written to is closed.
  case file(FileName)
  /// A file was made, or got another name by a link. It may still be written to: `file` follows when that ends.
  case begun(FileName)
  case gone(FileName)
  /// A directory came or went.
  case directory(FileName)
  /// The directory itself was moved, removed, or its file system unmounted.
  case displaced
  /// The kernel dropped events: anything may have happened.
  case lost

  /// Nil for what tells nothing.
  init?(_ event: InotifyEvent) {
    guard let name = event.name else {
      guard event.has(IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED) else { return nil }
      self = .displaced
      return
    }
    if event.has(IN_ISDIR) {
      self = .directory(name)
    } else if event.has(IN_MOVED_TO | IN_CLOSE_WRITE) {
      self = .file(name)
    } else if event.has(IN_CREATE) {
      self = .begun(name)
    } else if event.has(IN_MOVED_FROM | IN_DELETE) {
      self = .gone(name)
    } else {
      return nil
    }
  }
}
