import Glibc
import LinuxFiles

/// Where removed mail waits before it is really gone: `STATE/quarantine/ACCOUNT/`, mode 0700, outside the Maildir so
/// that no reader shows it. The order around it is the caller's: intent, `keep`, `sync`, commit, unlink, commit.
package final class Quarantine: Sendable {
  package let directory: DirectoryHandle

  /// A message that waits.
  package struct Entry: Hashable, Sendable {
    package let name: FileName
    package let since: Int64
    package let status: FileStatus
  }

  /// Opens the account's quarantine; makes it, durably, where there is none.
  package init(stateDirectory: DirectoryHandle, account: FileName) throws {
    var directory = stateDirectory
    for name in ["quarantine", account] {
      if try directory.makeDirectory(name) { try directory.sync() }
      directory = try directory.openDirectory(name)
    }
    self.directory = directory
  }

  /// A new entry's name, which an intent records before `keep`: when it came, and a part that no other has.
  ///
  ///     1790000000.5f0c9a...
  package static func newName(clock: WallClock) -> FileName {
    FileName("\(max(clock.now().seconds, 0)).\(RandomName.hexadecimal(digits: 24))") ?? "0.unnamed"
  }

  /// Gives a message a second name here, or a copy where the Maildir is on another file system. May be repeated with
  /// the same name. Not durable before `sync`; the source stays where it is.
  ///
  /// - Returns: false where nothing of that name is there any more, or another file has come to it: nothing is kept.
  package func keep(
    _ name: FileName, _ file: FileIdentity, from source: DirectoryHandle, as entry: FileName
  ) throws -> Bool {
    guard try source.status(of: name)?.identity == file else { return false }
    let wasThere = try directory.status(of: entry) != nil
    do {
      try keep(name, from: source, as: entry)
    } catch let error as FileError where error.isMissing {
      guard try source.status(of: name) == nil else { throw error }
      return false
    }
    if try source.status(of: name)?.identity == file { return true }
    // What an earlier run has kept was compared, and may be the last there is of it.
    guard try !wasThere && directory.status(of: entry)?.identity != file else { return true }
    try directory.unlink(entry, label: "quarantine")
    return false
  }

  private func keep(_ name: FileName, from source: DirectoryHandle, as entry: FileName) throws {
    do {
      try source.link(name, to: directory, as: entry, label: "quarantine")
    } catch let error as FileError where error.code == EEXIST {
      guard try holds(entry, equalTo: name, of: source) else {
        throw MaildirError.differs(path: directory.path(of: entry))
      }
    } catch let error as FileError where [EXDEV, EPERM, EMLINK, ENOTSUP, ENOSYS].contains(error.code) {
      try copy(name, from: source, as: entry)
    }
  }

  /// Makes what was kept durable; only then may the source go.
  package func sync() throws { try directory.sync() }

  /// Streams what waits here, at most `size` entries at a time.
  package func list(batch size: Int = 512, _ body: ([Entry]) throws -> Void) throws {
    try directory.forEachBatch(of: size) { entries in
      let found = try entries.compactMap { entry -> Entry? in
        guard let since = Quarantine.time(of: entry.name) else { return nil }
        guard let status = try directory.status(of: entry.name), status.kind == .regular else { return nil }
        return Entry(name: entry.name, since: since, status: status)
      }
      if !found.isEmpty { try body(found) }
    }
  }

  /// Removes what came over `seconds` ago (`keep_deleted`) and what a crash left half copied; gives the names.
  package func purge(olderThan seconds: Int64, clock: WallClock) throws -> [FileName] {
    let now = clock.now()
    let limit = now.adding(seconds: -max(seconds, 0)).seconds
    var removed: [FileName] = []
    try directory.forEachBatch { entries in
      for entry in entries {
        let isOld: Bool
        if let since = Quarantine.time(of: entry.name) {
          isOld = since < limit
        } else if entry.name.bytes.starts(with: Quarantine.copyPrefix) {
          isOld = try directory.status(of: entry.name).map { $0.changed < now.adding(seconds: -36 * 3600) } ?? false
        } else {
          isOld = false
        }
        if isOld, try directory.unlink(entry.name, label: "purge") { removed.append(entry.name) }
      }
    }
    if !removed.isEmpty { try directory.sync() }
    return removed
  }

  private static let copyPrefix = Array(".copy-".utf8)

  /// A name for what is not whole yet.
  static func copyName() -> FileName {
    FileName(bytes: copyPrefix + RandomName.hexadecimal(digits: 16).utf8) ?? ".copy-"
  }

  /// Nil for what is no entry.
  private static func time(of name: FileName) -> Int64? {
    guard let text = name.text, let dot = text.firstIndex(of: ".") else { return nil }
    return Int64(text[..<dot])
  }

  /// Copies under another name first, so that an entry is always whole.
  private func copy(_ name: FileName, from source: DirectoryHandle, as entry: FileName) throws {
    let original = try source.openFile(name)
    let temporary = Quarantine.copyName()
    let file = try directory.createFile(temporary)
    do {
      var written = ContentHasher()
      try original.readAll { piece in
        try file.write(piece)
        written.update(piece)
      }
      try file.setModificationTime(seconds: original.status().modified.seconds)
      try file.sync()
      guard try written.finish() == MessageContent.reading(file) else {
        throw MaildirError.differs(path: directory.path(of: temporary))
      }
      try directory.rename(temporary, to: directory, as: entry, label: "quarantine")
    } catch {
      _ = try? directory.unlink(temporary)
      if let error = error as? FileError, error.code == EEXIST, try holds(entry, equalTo: name, of: source) { return }
      throw error
    }
  }

  private func holds(_ entry: FileName, equalTo name: FileName, of source: DirectoryHandle) throws -> Bool {
    let here = try directory.openFile(entry)
    let there = try source.openFile(name)
    if try here.status().identity == there.status().identity { return true }
    return try MessageContent.reading(here) == MessageContent.reading(there)
  }
}
