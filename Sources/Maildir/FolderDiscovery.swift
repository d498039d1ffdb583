import LinuxFiles

/// A Maildir that lies below an account's root.
package struct FoundFolder: Hashable, Sendable {
  package let path: FolderPath
  /// What `cur/` is: a renamed folder keeps it.
  package let cur: FileIdentity
}

extension FolderLayout {
  /// All whole Maildirs below the root, parents first, the root itself not among them. One that lacks `cur/`, `new/` or
  /// `tmp/` is half made, or none; links are not followed.
  /// - Parameters:
  ///   - visit: called with each directory in which a folder may be made, before its entries are read.
  ///   - doubt: called with the path of each directory that may be a folder although it is not listed: one that may not
  ///     be read, or that is empty, perhaps since a file system is not mounted.
  package func folders(
    in root: DirectoryHandle, visit: (DirectoryHandle) -> Void = { _ in }, doubt: (String) -> Void = { _ in }
  ) throws -> [FoundFolder] {
    var found: [FoundFolder] = []
    visit(root)
    try collect(in: root, at: [], visit, doubt, &found)
    return found.sorted { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
  }

  /// Deeper than any server's mailboxes, and more of them than any has.
  private static let depthLimit = 64
  private static let countLimit = 100_000

  private func collect(
    in directory: DirectoryHandle, at place: [FileName], _ visit: (DirectoryHandle) -> Void, _ doubt: (String) -> Void,
    _ found: inout [FoundFolder]
  ) throws {
    var names: [FileName] = []
    try directory.forEachBatch { entries in
      for entry in entries where entry.kind == .directory || entry.kind == nil {
        let isFolderName = self == .fs ? !entry.name.startsWithDot : entry.name.startsWithDot
        if isFolderName, !(self == .fs && !place.isEmpty && Self.own.contains(entry.name)) { names.append(entry.name) }
      }
    }
    for name in names where found.count < Self.countLimit {
      guard let inner = try opened(name, in: directory, doubt) else { continue }
      visit(inner)
      if let cur = try Self.identityOfCur(in: inner) {
        found.append(FoundFolder(path: FolderPath(place + [name]), cur: cur))
      } else if try inner.isEmpty() {
        doubt(inner.path)
      }
      if self == .fs, place.count < Self.depthLimit { try collect(in: inner, at: place + [name], visit, doubt, &found) }
    }
  }

  private static let own: Set<FileName> = ["cur", "new", "tmp"]

  /// Nil for what is no directory of ours to read, or has gone meanwhile.
  private func opened(
    _ name: FileName, in directory: DirectoryHandle, _ doubt: (String) -> Void
  ) throws -> DirectoryHandle? {
    do {
      return try directory.openDirectory(name)
    } catch let error as FileError where error.isRefused {
      // The file system's own, at its top.
      if name != "lost+found" { doubt(directory.path(of: name)) }
      return nil
    } catch let error as FileError where error.isMissing || error.isNoDirectory {
      return nil
    }
  }

  private static func identityOfCur(in folder: DirectoryHandle) throws -> FileIdentity? {
    for name in own {
      guard let status = try folder.status(of: name), status.kind == .directory else { return nil }
    }
    return try folder.status(of: "cur")?.identity
  }

  /// Whether a known folder's place is taken. It is not where a component of the path is missing, or where the directory
  /// is only the way to others that lie in it. An empty directory is a place that something was taken from: perhaps a
  /// file system that is not mounted.
  package func hasFolder(at path: FolderPath, in root: DirectoryHandle) throws -> Bool {
    var directory = root
    do {
      for component in path.components { directory = try directory.openDirectory(component) }
    } catch let error as FileError where error.isMissing {
      return false
    } catch let error as FileError where error.isNoDirectory || error.isRefused {
      return true
    }
    guard self == .fs, !path.components.isEmpty else { return true }
    var leadsToOthers = false
    var isFolder = false
    try directory.forEachBatch { entries in
      for entry in entries {
        if Self.own.contains(entry.name) { isFolder = true } else if entry.kind == .directory { leadsToOthers = true }
      }
    }
    return isFolder || !leadsToOthers
  }
}
