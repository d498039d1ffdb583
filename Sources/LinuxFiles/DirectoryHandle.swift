import CLinux
import Glibc

/// An open directory, through which everything below it is reached by descriptor: no link that somebody puts below the
/// root leads out of it. Closed with its last reference.
package final class DirectoryHandle: Sendable {
  package let descriptor: Int32
  /// For messages only; never resolved again.
  package let path: String
  /// What is not to be told of the changes that are made through this; all that is opened through it has the same.
  private let watches: DirectoryWatches?
  private let watchedIdentity: FileIdentity?

  private init(descriptor: Int32, path: String, watches: DirectoryWatches?) throws {
    self.descriptor = descriptor
    self.path = path
    self.watches = watches
    watchedIdentity = try watches.map { _ in
      var status = stat()
      do { _ = try retrying("stat", path) { fstat(descriptor, &status) } } catch {
        close(descriptor)
        throw error
      }
      return FileStatus(status).identity
    }
  }

  deinit { close(descriptor) }

  /// The person's own directory, which may be a symbolic link.
  /// - Parameter watches: they don't tell of what is changed through the handle and those that are opened through it.
  package static func open(path: String, watches: DirectoryWatches? = nil) throws -> DirectoryHandle {
    let descriptor = try retrying("open", path) { mm_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
    return try DirectoryHandle(descriptor: descriptor, path: path, watches: watches)
  }

  /// A directory in this one; a symbolic link is refused (ELOOP or ENOTDIR).
  package func openDirectory(_ name: FileName) throws -> DirectoryHandle {
    let descriptor = try open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    return try DirectoryHandle(descriptor: descriptor, path: path(of: name), watches: watches)
  }

  /// Makes a directory of mode 0700; false where there is an entry of that name already.
  @discardableResult
  package func makeDirectory(_ name: FileName) throws -> Bool {
    try Step.pass(.makeDirectory, path: path(of: name))
    do {
      _ = try unheard([own(.appears, name)]) {
        try retrying("make the directory", path(of: name)) { name.withCString { mkdirat(descriptor, $0, 0o700) } }
      }
      return true
    } catch let error as FileError where error.code == EEXIST {
      return false
    }
  }

  /// Creates a file of mode 0600 for reading and writing; an entry of that name is an error (EEXIST).
  package func createFile(_ name: FileName, site: Step.Site = .createFile) throws -> OpenFile {
    try Step.pass(site, path: path(of: name))
    let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    return OpenFile(descriptor: try open(name, flags), path: path(of: name))
  }

  /// Opens a regular file for reading; anything else is refused without blocking (ELOOP for a link, EINVAL).
  package func openFile(_ name: FileName) throws -> OpenFile {
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
    let file = OpenFile(descriptor: try open(name, flags), path: path(of: name))
    guard try file.status().kind == .regular else { throw FileError("open", file.path, EINVAL) }
    return file
  }

  /// What is under that name, links not followed; nil where there is nothing.
  package func status(of name: FileName) throws -> FileStatus? {
    var status = stat()
    do {
      _ = try retrying("stat", path(of: name)) {
        name.withCString { fstatat(descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }
      }
      return FileStatus(status)
    } catch let error as FileError where error.code == ENOENT {
      return nil
    }
  }

  package func status() throws -> FileStatus {
    var status = stat()
    _ = try retrying("stat", path) { fstat(descriptor, &status) }
    return FileStatus(status)
  }

  package func stamp() throws -> DirectoryStamp { DirectoryStamp(try status()) }

  /// Makes the entries that came and went durable.
  package func sync() throws {
    try Step.pass(.syncDirectory, path: path)
    _ = try retrying("fsync", path) { fsync(descriptor) }
  }

  /// Whether this is on a file system of the network.
  package func isOnNetwork() throws -> Bool {
    try retrying("statfs", path) { mm_is_network_filesystem(descriptor) } == 1
  }

  package func path(of name: FileName) -> String { path + "/" + name.description }

  /// Closes a file that was written to and lies in this directory now; no watch tells of it.
  package func closing(_ name: FileName, _ close: () -> Void) throws {
    try unheard([own(.closes, name)]) { close() }
  }

  /// A change in this directory that is ours; nil where nobody would hear of it.
  func own(_ kind: OwnChange.Kind, _ name: FileName) -> OwnChange? {
    watchedIdentity.map { OwnChange(directory: $0, kind: kind, name: name) }
  }

  /// Makes changes of which no watch tells.
  func unheard<Result>(_ changes: [OwnChange?], _ body: () throws -> Result) throws -> Result {
    guard let watches else { return try body() }
    let expected = watches.expect(changes.compactMap { $0 })
    do { return try body() } catch {
      watches.cancel(expected)
      throw error
    }
  }

  private func open(_ name: FileName, _ flags: Int32) throws -> Int32 {
    try retrying("open", path(of: name)) { name.withCString { mm_openat(descriptor, $0, flags, 0o600) } }
  }
}
