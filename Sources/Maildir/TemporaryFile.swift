import Glibc
import LinuxFiles
import Locks
import MailModel

/// A message on its way in, in `tmp/`: written as it comes, hashed on the way, never held in memory. Its name there is
/// the base name's part before `,S=`, so that an intent's base name finds it again.
///
/// Unchecked: `file`, `hasher` and `content` are touched only while holding `lock`.
package final class TemporaryFile: @unchecked Sendable {
  package let name: FileName
  let directory: DirectoryHandle
  private let lock = Mutex(())
  private var file: OpenFile?
  private var hasher: ContentHasher?
  private var content: MessageContent?

  private init(name: FileName, directory: DirectoryHandle, file: OpenFile, content: MessageContent?) {
    self.name = name
    self.directory = directory
    self.file = file
    self.content = content
    hasher = content == nil ? ContentHasher() : nil
  }

  static func create(_ name: FileName, in directory: DirectoryHandle) throws -> TemporaryFile {
    let file = try directory.createFile(name, site: .openTemporary)
    return TemporaryFile(name: name, directory: directory, file: file, content: nil)
  }

  /// A file that an earlier run left behind, with its content read again; nil where there is none.
  static func reopen(_ name: FileName, in directory: DirectoryHandle) throws -> TemporaryFile? {
    do {
      let file = try directory.openFile(name)
      let content = try MessageContent.reading(file)
      return TemporaryFile(name: name, directory: directory, file: file, content: content)
    } catch let error as FileError where error.isMissing {
      return nil
    }
  }

  /// Appends bytes of the message's LF form.
  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    try lock.withLock { _ in
      guard let file, content == nil else { throw FileError("write", directory.path(of: name), EBADF) }
      try file.write(bytes)
      hasher?.update(bytes)
    }
  }

  package func write(_ bytes: some Sequence<UInt8>) throws {
    try Array(bytes).withUnsafeBytes { try write($0) }
  }

  /// How much has been written.
  package var size: Int64 {
    lock.withLock { _ in content?.size ?? hasher?.size ?? 0 }
  }

  /// Ends the writing: size and digests are known from here on. May be called again.
  package func finish() throws -> MessageContent {
    try lock.withLock { _ in
      if let content { return content }
      guard let content = hasher.take()?.finish() else { throw FileError("finish", directory.path(of: name), EBADF) }
      self.content = content
      return content
    }
  }

  /// The base name that goes with the size; ends the writing.
  package func baseName() throws -> FileName { BaseNames.baseName(unique: name, size: try finish().size) }

  package func startWriteback() { openFile?.startWriteback() }

  /// Sets the date that readers show; call before making the file durable. Years outside 1970 to 2262 become their
  /// nearest end, since some file systems hold no others.
  package func setModificationTime(seconds: Int64) throws {
    let sane = min(max(seconds, 0), 9_223_372_036)
    try openFile?.setModificationTime(seconds: sane)
  }

  /// Makes content, size and times durable. Until this has returned, the file must not be published.
  package func sync() throws {
    guard let file = openFile else { throw FileError("fsync", directory.path(of: name), EBADF) }
    try file.sync()
  }

  /// What the open file is now; nil when closed.
  func status() throws -> FileStatus? { try openFile?.status() }

  /// Closes the descriptor; the file stays.
  package func close() { lock.withLock { _ in file = nil } }

  /// Closes and removes the file.
  package func discard() throws {
    close()
    try directory.unlink(name, label: "temporary")
  }

  private var openFile: OpenFile? { lock.withLock { _ in file } }
}
