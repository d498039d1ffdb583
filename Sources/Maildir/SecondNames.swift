import LinuxFiles

/// Files that have two names in the folder under one base name: a rename from `new/` to `cur/` writes two directories,
/// and a power cut may come between them.
extension MaildirFolder {
  /// The entries of each such file.
  package func doubledEntries() throws -> [[ScanEntry]] {
    struct Key: Hashable {
      var base: [UInt8]
      var identity: FileIdentity
    }
    var found: [Key: [ScanEntry]] = [:]
    try scan(withStatus: true) { entries in
      for entry in entries {
        guard let status = entry.status, status.links > 1 else { continue }
        found[Key(base: entry.parsed.base.bytes, identity: status.identity), default: []].append(entry)
      }
    }
    return found.values.filter { $0.count > 1 }
  }

  /// Takes one name of a file away where the other is still there. Another program may be about to take that one away
  /// itself, so that the name goes to `tmp/` first and comes back where it is the last. Not durable before
  /// `syncDirectories`.
  /// - Parameter unique: from `BaseNames.next()`.
  package func removeSecondName(_ extra: ScanEntry, beside kept: ScanEntry, unique: FileName) throws {
    let directory = self[extra.subdirectory]
    do {
      try directory.rename(extra.name, to: tmp, as: unique, label: "second name")
    } catch let error as FileError where error.isMissing {
      return
    }
    guard let status = try tmp.status(of: unique) else { return }
    if try self[kept.subdirectory].status(of: kept.name)?.identity == status.identity {
      try tmp.unlink(unique, label: "second name")
    } else {
      try tmp.rename(unique, to: directory, as: extra.name, label: "second name")
    }
  }
}
