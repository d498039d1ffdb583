import Glibc
import LinuxFiles

/// The file `.mailmirror` in an account's root, which says whose mirror this is:
///
///     mailmirror 1
///     id 5f0c...
///     machine 1b2e...
///     state /home/me/.local/state/mailmirror/work.sqlite
///
/// It is durable before the first delivery and equal to what the database holds. Its name is one that neither layout
/// gives to a folder, and readers pass over it, as it is no directory.
package struct RootMarker: Hashable, Sendable {
  package static let fileName: FileName = ".mailmirror"

  package let id: String
  package let machine: String
  /// The database's path, so that a database that was copied elsewhere is not taken for this one.
  package let statePath: String

  package init(id: String, machine: String, statePath: String) {
    self.id = id
    self.machine = machine
    self.statePath = statePath
  }

  /// A marker for a root that has none.
  package static func new(machine: String, statePath: String) -> RootMarker {
    RootMarker(id: RandomName.hexadecimal(digits: 32), machine: machine, statePath: statePath)
  }

  /// What a root says about itself.
  package enum Reading: Hashable, Sendable {
    case missing
    case marker(RootMarker)
    /// Something of that name that is no marker: not a regular file, or not in its form.
    case unreadable(reason: String)
  }

  /// How a root's marker stands to what the database expects.
  package enum Comparison: Hashable, Sendable {
    case same
    /// State knows the root, and the marker is gone: probably not the same file system (stop).
    case missing
    /// State is new, and the root has no marker: a first sync may put one there.
    case unclaimed
    /// Our own, but state does not know it: the database was lost.
    case stateLost(RootMarker)
    /// Another state's (stop): `adopt` takes it over.
    case foreign(RootMarker)
    case unreadable(reason: String)
  }

  package static func read(in root: DirectoryHandle) throws -> Reading {
    let file: OpenFile
    do {
      file = try root.openFile(fileName)
    } catch let error as FileError where error.isMissing {
      return .missing
    } catch let error as FileError where [ELOOP, EINVAL, ENXIO, EISDIR].contains(error.code) {
      return .unreadable(reason: "it is not a regular file")
    }
    guard let bytes = try file.contents(limit: 16 * 1024), let marker = RootMarker(file: bytes) else {
      return .unreadable(reason: "it does not have a marker's form")
    }
    return .marker(marker)
  }

  /// Compares what is read with what the database knows (nil: it is new) and with who asks.
  package static func compare(
    _ reading: Reading, expected: RootMarker?, machine: String, statePath: String
  ) -> Comparison {
    switch (reading, expected) {
    case (.unreadable(let reason), _): .unreadable(reason: reason)
    case (.missing, nil): .unclaimed
    case (.missing, .some): .missing
    case (.marker(let found), .some(let expected)): found == expected ? .same : .foreign(found)
    case (.marker(let found), nil):
      found.machine == machine && found.statePath == statePath ? .stateLost(found) : .foreign(found)
    }
  }

  /// Puts the marker there, durably. An entry of that name is an error (EEXIST).
  package func write(in root: DirectoryHandle) throws {
    let temporary = FileName(".mailmirror." + RandomName.hexadecimal(digits: 16)) ?? ".mailmirror.tmp"
    let file = try root.createFile(temporary)
    do {
      try bytes.withUnsafeBytes { try file.write($0) }
      try file.sync()
      try root.rename(temporary, to: root, as: RootMarker.fileName, label: "marker")
    } catch {
      _ = try? root.unlink(temporary)
      throw error
    }
    try root.sync()
  }

  private var bytes: [UInt8] { Array("mailmirror 1\nid \(id)\nmachine \(machine)\nstate \(statePath)\n".utf8) }

  private init?(file bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    let lines = text.split(separator: "\n", maxSplits: 3, omittingEmptySubsequences: false)
    guard lines.count == 4, lines[0] == "mailmirror 1", lines[1].hasPrefix("id "), lines[2].hasPrefix("machine "),
      lines[3].hasPrefix("state "), lines[3].hasSuffix("\n")
    else { return nil }
    self.init(
      id: String(lines[1].dropFirst(3)), machine: String(lines[2].dropFirst(8)),
      statePath: String(lines[3].dropFirst(6).dropLast()))
    guard !id.isEmpty, !machine.isEmpty, !statePath.isEmpty else { return nil }
  }
}
