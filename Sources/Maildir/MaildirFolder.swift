import Glibc
import LinuxFiles
import MailModel

/// One mailbox's folder: `cur/`, `new/` and `tmp/`, held by their descriptors. Four descriptors each: keep open only
/// what a round works on. All calls block: they belong on the disk threads.
package final class MaildirFolder: Sendable {
  package let path: FolderPath
  package let directory: DirectoryHandle
  package let new: DirectoryHandle
  package let cur: DirectoryHandle
  package let tmp: DirectoryHandle

  private init(
    path: FolderPath, directory: DirectoryHandle, new: DirectoryHandle, cur: DirectoryHandle,
    tmp: DirectoryHandle
  ) {
    self.path = path
    self.directory = directory
    self.new = new
    self.cur = cur
    self.tmp = tmp
  }

  package subscript(_ subdirectory: Subdirectory) -> DirectoryHandle { subdirectory == .new ? new : cur }

  /// Opens a folder that is known to exist. What is missing is an error (`MaildirError.folderMissing`), never made
  /// again: the mail that was in it did not go because somebody deleted it.
  package static func open(in root: DirectoryHandle, at path: FolderPath) throws -> MaildirFolder {
    do {
      var directory = root
      for component in path.components { directory = try directory.openDirectory(component) }
      return MaildirFolder(
        path: path, directory: directory, new: try directory.openDirectory("new"),
        cur: try directory.openDirectory("cur"), tmp: try directory.openDirectory("tmp"))
    } catch let error as FileError where error.isMissing {
      throw MaildirError.folderMissing(path: error.path)
    } catch let error as FileError where error.code == ELOOP || error.code == ENOTDIR {
      throw MaildirError.notADirectory(path: error.path)
    }
  }

  /// Makes a folder, or finishes one that an earlier run left half made, durably: a directory's entry is synced before
  /// anything is put into it, and `cur/` comes last, so that a folder with a `cur/` is complete.
  package static func create(
    in root: DirectoryHandle, at path: FolderPath, layout: FolderLayout
  ) throws -> MaildirFolder {
    var directory = root
    for component in path.components {
      // Synced even where the entry was there: the run that made it may have ended before its sync.
      try directory.makeDirectory(component)
      try directory.sync()
      directory = try openMade(component, in: directory)
    }
    if layout == .maildirPlusPlus, !path.components.isEmpty, try directory.status(of: "maildirfolder") == nil {
      do { _ = try directory.createFile("maildirfolder") } catch let error as FileError where error.code == EEXIST {}
    }
    for name: FileName in ["tmp", "new", "cur"] { try directory.makeDirectory(name) }
    try directory.sync()
    return try open(in: root, at: path)
  }

  private static func openMade(_ name: FileName, in directory: DirectoryHandle) throws -> DirectoryHandle {
    do {
      return try directory.openDirectory(name)
    } catch let error as FileError where error.code == ELOOP || error.code == ENOTDIR {
      throw MaildirError.notADirectory(path: error.path)
    }
  }

  /// A new file in `tmp/`; `unique` comes from `BaseNames.next()`.
  package func makeTemporary(_ unique: FileName) throws -> TemporaryFile { try TemporaryFile.create(unique, in: tmp) }

  /// The file in `tmp/` that an intent's base name belongs to, with its content read again; nil where there is none.
  package func reopenTemporary(for base: FileName) throws -> TemporaryFile? {
    try TemporaryFile.reopen(BaseNames.temporaryName(of: base), in: tmp)
  }

  /// Where a message of these flags goes: `new/` where it has none.
  package static func place(of name: MessageFileName) -> (subdirectory: Subdirectory, name: FileName) {
    name.letters.isEmpty ? (.new, name.fileName) : (.cur, name.fileNameInCur)
  }

  /// Moves a durable file out of `tmp/` to where its flags want it and closes it. Never replaces: a taken name throws
  /// EEXIST, and the caller records an intent with another. Not durable before `syncDirectories`.
  package func publish(_ file: TemporaryFile, as name: MessageFileName) throws -> ScanEntry {
    let (subdirectory, target) = MaildirFolder.place(of: name)
    try file.directory.rename(file.name, to: self[subdirectory], as: target, label: "publish")
    let status = try file.status() ?? self[subdirectory].status(of: target)
    try self[subdirectory].closing(target) { file.close() }
    return ScanEntry(name: target, subdirectory: subdirectory, status: status)
  }

  /// Makes what was published, renamed or removed durable: the destinations, then `tmp/`.
  package func syncDirectories(_ subdirectories: Set<Subdirectory> = [.new, .cur], source: Bool = true) throws {
    if subdirectories.contains(.cur) { try cur.sync() }
    if subdirectories.contains(.new) { try new.sync() }
    if source { try tmp.sync() }
  }

  /// The directories' stamps with the time of a scan that begins now.
  package func stamp(clock: WallClock) throws -> FolderStamp {
    let began = clock.now()
    return FolderStamp(new: try new.stamp(), cur: try cur.stamp(), began: began)
  }
}
