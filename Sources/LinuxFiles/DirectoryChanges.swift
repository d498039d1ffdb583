import CLinux
import Glibc

/// Names that come, go and move. Nothing but `replace` ever replaces an entry, and no mail goes through that.
extension DirectoryHandle {
  /// Moves an entry; where the new name is taken, throws EEXIST and changes nothing.
  package func rename(
    _ name: FileName, to target: DirectoryHandle, as newName: FileName, label: StaticString = ""
  ) throws {
    try Step.pass(.rename, label, path: target.path(of: newName))
    do {
      _ = try unheard([own(.vanishes, name), target.own(.appears, newName)]) {
        try retrying("rename to \(newName)", path(of: name)) {
          name.withCString { old in
            newName.withCString { new in mm_renameat_noreplace(descriptor, old, target.descriptor, new) }
          }
        }
      }
    } catch let error as FileError where [EINVAL, ENOSYS, ENOTSUP].contains(error.code) {
      try renameByLinking(name, to: target, as: newName)
    }
  }

  /// For file systems without RENAME_NOREPLACE: between the two steps the file has both names, and never none.
  func renameByLinking(_ name: FileName, to target: DirectoryHandle, as newName: FileName) throws {
    if descriptor == target.descriptor && name == newName { throw FileError("rename", path(of: name), EEXIST) }
    try link(name, to: target, as: newName)
    try unlink(name)
  }

  /// Gives a file a second name; where that is taken, throws EEXIST.
  package func link(
    _ name: FileName, to target: DirectoryHandle, as newName: FileName, label: StaticString = ""
  ) throws {
    try Step.pass(.link, label, path: target.path(of: newName))
    _ = try unheard([target.own(.appears, newName)]) {
      try retrying("link to \(target.path(of: newName))", path(of: name)) {
        name.withCString { old in
          newName.withCString { new in linkat(descriptor, old, target.descriptor, new, 0) }
        }
      }
    }
  }

  /// Removes a name of a file; false where there is none.
  @discardableResult
  package func unlink(_ name: FileName, label: StaticString = "") throws -> Bool {
    try Step.pass(.unlink, label, path: path(of: name))
    do {
      _ = try unheard([own(.vanishes, name)]) {
        try retrying("remove", path(of: name)) { name.withCString { unlinkat(descriptor, $0, 0) } }
      }
      return true
    } catch let error as FileError where error.code == ENOENT {
      return false
    }
  }

  /// Removes a directory; false where something is in it, or where the name is no directory's.
  package func removeDirectory(_ name: FileName, label: StaticString = "") throws -> Bool {
    try Step.pass(.unlink, label, path: path(of: name))
    do {
      _ = try unheard([own(.vanishes, name)]) {
        try retrying("remove", path(of: name)) { name.withCString { unlinkat(descriptor, $0, AT_REMOVEDIR) } }
      }
      return true
    } catch let error as FileError where error.code == ENOENT {
      return true
    } catch let error as FileError where [ENOTEMPTY, EEXIST, ENOTDIR, EBUSY].contains(error.code) {
      return false
    }
  }

  /// Lets two files change places, at once. File systems that can't do it throw EINVAL.
  package func exchange(
    _ name: FileName, with other: FileName, of directory: DirectoryHandle, label: StaticString = ""
  ) throws {
    try Step.pass(.rename, label, path: path(of: name))
    let changes = [
      own(.vanishes, name), directory.own(.appears, other), directory.own(.vanishes, other), own(.appears, name),
    ]
    _ = try unheard(changes) {
      try retrying("exchange with \(directory.path(of: other))", path(of: name)) {
        name.withCString { first in
          other.withCString { second in mm_renameat_exchange(descriptor, first, directory.descriptor, second) }
        }
      }
    }
  }

  /// Puts a file in the place of another one of this directory: for small files that are rewritten as a whole.
  package func replace(_ name: FileName, with newContent: FileName, label: StaticString = "") throws {
    try Step.pass(.rename, label, path: path(of: name))
    _ = try unheard([own(.vanishes, newContent), own(.appears, name)]) {
      try retrying("rename to \(name)", path(of: newContent)) {
        newContent.withCString { new in name.withCString { old in renameat(descriptor, new, descriptor, old) } }
      }
    }
  }
}
