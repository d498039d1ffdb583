import Glibc
import LinuxFiles

/// Files found by their base names.
package struct NamedFiles {
  package fileprivate(set) var entries: [[UInt8]: [ScanEntry]] = [:]
  /// Whether every name was found or the folder stood still: then a name that is not among `entries` is not in it.
  package fileprivate(set) var isComplete = false
}

extension MaildirFolder {
  /// Reads the folder again and again, since a rename can hide a file from a reading of its directory (M1): until `pass`
  /// says that it has found all, or nothing came, went or was renamed meanwhile.
  ///
  /// - Returns: false where neither came about within twenty passes.
  package func readStill(_ pass: () throws -> Bool) throws -> Bool {
    for attempt in 0..<20 {
      let before = try stamp(clock: .system)
      // What changes within one tick of the file system's clock does not show in its times.
      if attempt > 0 { usleep(before.isCoarse ? Self.coarsePause : Self.tick) }
      if try pass() { return true }
      let after = try stamp(clock: .system)
      if attempt > 0, !before.isCoarse, before.new == after.new, before.cur == after.cur { return true }
      if before.allowsSkipping(now: after) { return true }
    }
    return false
  }

  /// The longest tick of a Linux system, with room to spare; microseconds.
  private static let tick: UInt32 = 20_000
  /// Of a file system that keeps whole seconds the times must be old; microseconds.
  private static let coarsePause: UInt32 = 200_000

  /// The files of these base names, wherever they are in the folder and whatever flags they have; usually one of each,
  /// two where somebody copied it.
  package func files(named names: Set<[UInt8]>) throws -> NamedFiles {
    var found = NamedFiles()
    found.isComplete = try readStill {
      var seen: [[UInt8]: [ScanEntry]] = [:]
      try scan(withStatus: false) { entries in
        for entry in entries {
          let base = entry.parsed.base.bytes
          guard names.contains(base), let status = try self[entry.subdirectory].status(of: entry.name),
            status.kind == .regular
          else { continue }
          seen[base, default: []].append(
            ScanEntry(name: entry.name, subdirectory: entry.subdirectory, status: status))
        }
      }
      found.entries.merge(seen) { _, newest in newest }
      return found.entries.count == names.count
    }
    return found
  }

  /// The files whose base names are not among those: what a reading of the folder has missed.
  ///
  /// - Throws: `MaildirError.restless` where it would not stand still.
  package func files(besides seen: SeenNames) throws -> [ScanEntry] {
    var names: Set<[UInt8]> = []
    let stoodStill = try readStill {
      names = []
      try scan(withStatus: false) { entries in
        for base in entries.map(\.parsed.base.bytes) where !seen.contains(base) { names.insert(base) }
      }
      return false
    }
    guard stoodStill else { throw MaildirError.restless(path: cur.path) }
    return names.isEmpty ? [] : Array(try files(named: names).entries.values.joined())
  }

  /// Which of these base names the folder has. Nil where it would not stand still.
  package func present(_ names: Set<[UInt8]>) throws -> Set<[UInt8]>? {
    let found = try files(named: names)
    return found.isComplete ? Set(found.entries.keys) : nil
  }

  /// The files of a base name.
  ///
  /// - Throws: `MaildirError.restless` where none was found, and the folder would not stand still.
  package func find(base: FileName) throws -> [ScanEntry] {
    let found = try files(named: [base.bytes])
    guard found.isComplete else { throw MaildirError.restless(path: cur.path) }
    return found.entries[base.bytes] ?? []
  }
}
