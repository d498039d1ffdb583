import Glibc
import LinuxFiles

/// Folders that go to another place, or away.
extension MaildirFolder {
  /// Moves a folder, with all that lies in it, durably. Where something is at the new place already, throws EEXIST and
  /// changes nothing. The directories that lead there are made.
  package static func move(in root: DirectoryHandle, from old: FolderPath, to new: FolderPath) throws {
    guard let oldName = old.components.last, let newName = new.components.last else {
      throw FileError("rename", root.path, EINVAL)
    }
    let source = try old.components.dropLast().reduce(root) { try $0.openDirectory($1) }
    var target = root
    for component in new.components.dropLast() {
      if try target.makeDirectory(component) { try target.sync() }
      target = try target.openDirectory(component)
    }
    try source.rename(oldName, to: target, as: newName, label: "folder")
    try target.sync()
    try source.sync()
  }

  /// Removes a folder that holds no mail, with what programs left there beside it; false where it holds something,
  /// and then it is as it was. Directories of other folders that lie in it stay.
  package static func removeEmpty(in root: DirectoryHandle, at path: FolderPath) throws -> Bool {
    guard let name = path.components.last else { return false }
    let parent: DirectoryHandle
    let directory: DirectoryHandle
    do {
      parent = try path.components.dropLast().reduce(root) { try $0.openDirectory($1) }
      directory = try parent.openDirectory(name)
    } catch let error as FileError where error.isMissing {
      return true
    }
    for subdirectory: FileName in ["new", "cur", "tmp"] {
      guard try directory.removeDirectory(subdirectory, label: "folder") else {
        // Mail came, or somebody is at work: the folder is made whole again.
        for name: FileName in ["tmp", "new", "cur"] { try directory.makeDirectory(name) }
        return false
      }
    }
    try directory.forEachBatch { entries in
      for entry in entries where isReadersNote(entry.name) { try directory.unlink(entry.name, label: "folder") }
    }
    _ = try parent.removeDirectory(name, label: "folder")
    try parent.sync()
    return true
  }

  /// Files in which programs keep what they know of a Maildir.
  private static func isReadersNote(_ name: FileName) -> Bool {
    guard let text = name.text else { return false }
    return ["maildirfolder", "dovecot-uidlist", "dovecot-keywords", "dovecot-uidvalidity"].contains(text)
      || text.hasPrefix("dovecot.index")
  }
}
