import Glibc
import LinuxFiles
import MailModel

/// A folder's `dovecot-keywords`: read at any time, and changed only while holding `dovecot-uidlist.lock`, which is how
/// Dovecot keeps its own changes apart. Lines are only added, and no letter ever gets a second name.
package struct KeywordFile: Sendable {
  package static let fileName: FileName = "dovecot-keywords"
  private static let lockName: FileName = "dovecot-uidlist.lock"
  private static let lockedFile: FileName = "dovecot-uidlist"
  private static let newContent: FileName = "dovecot-keywords.lock"
  private static let sizeLimit = 64 * 1024

  private let folder: MaildirFolder
  private let clock: WallClock
  private var directory: DirectoryHandle { folder.directory }

  package init(of folder: MaildirFolder, clock: WallClock = .system) {
    self.folder = folder
    self.clock = clock
  }

  /// What the file says; empty where there is none. `known` is what was last read of this folder (an empty table at
  /// first): names that are gone or changed since are a problem, since letters may then mean something else.
  package func read(known: KeywordTable) throws -> KeywordTable {
    try KeywordFile.table(contents(), after: known, path: path)
  }

  /// Gives letters to keywords that have none, as long as letters are left, and returns the table then. What gets no
  /// letter lives in the state alone. Blocks for at most the time given for the lock.
  package func add(_ keywords: [String], known: KeywordTable, milliseconds: Int = 2000) throws -> KeywordTable {
    let table = try read(known: known)
    if keywords.allSatisfy({ table.letter(of: $0) != nil || !KeywordFile.isStorable($0) }) { return table }
    guard
      let lock = try Dotlock.acquire(
        KeywordFile.lockName, protecting: KeywordFile.lockedFile, in: directory, clock: clock,
        milliseconds: milliseconds)
    else { throw KeywordProblem.locked(path: directory.path(of: KeywordFile.lockName)) }
    let result = Result { try addLocked(keywords, known: table) }
    try lock.release()
    return try result.get()
  }

  private var path: String { directory.path(of: KeywordFile.fileName) }

  private func addLocked(_ keywords: [String], known: KeywordTable) throws -> KeywordTable {
    // Read again: another program may have added lines before the lock was ours.
    var bytes = try contents()
    let table = try KeywordFile.table(bytes, after: known, path: path)
    var names = table.names
    var free = try freeLetters(table)
    for keyword in keywords where KeywordFile.isStorable(keyword) {
      if KeywordTable(names: names).letter(of: keyword) != nil { continue }
      guard let letter = free.popFirst() else { break }
      names[letter] = keyword
      bytes += Array("\(letter - UInt8(ascii: "a")) \(keyword)\n".utf8)
    }
    if names != table.names { try write(bytes) }
    return KeywordTable(names: names)
  }

  /// Letters without a name that no file of the folder has: one that has would get the keyword by mistake.
  private func freeLetters(_ table: KeywordTable) throws -> ArraySlice<UInt8> {
    var used: Set<UInt8> = []
    try folder.scan(withStatus: false) { for entry in $0 { used.formUnion(entry.parsed.keywordLetters) } }
    return (UInt8(ascii: "a")...UInt8(ascii: "z")).filter { table.name(of: $0) == nil && !used.contains($0) }[...]
  }

  private func contents() throws -> [UInt8] {
    do {
      guard let bytes = try directory.openFile(KeywordFile.fileName).contents(limit: KeywordFile.sizeLimit) else {
        throw KeywordProblem.unreadable(path: path)
      }
      return bytes
    } catch let error as FileError where error.isMissing {
      return []
    } catch is FileError {
      throw KeywordProblem.unreadable(path: path)
    }
  }

  /// Replaces the file as a whole, durably, under Dovecot's name for the new one. Dovecot sees a change by the
  /// modification time in seconds, so that always grows.
  private func write(_ bytes: [UInt8]) throws {
    let before = try directory.status(of: KeywordFile.fileName)?.modified.seconds ?? 0
    try directory.unlink(KeywordFile.newContent)
    let file = try directory.createFile(KeywordFile.newContent)
    do {
      try bytes.withUnsafeBytes { try file.write($0) }
      try file.setModificationTime(seconds: max(clock.now().seconds, before + 1))
      try file.sync()
      try directory.replace(KeywordFile.fileName, with: KeywordFile.newContent, label: "keywords")
    } catch {
      _ = try? directory.unlink(KeywordFile.newContent)
      throw error
    }
    try directory.sync()
  }

  private static func table(_ bytes: [UInt8], after known: KeywordTable, path: String) throws -> KeywordTable {
    guard let names = KeywordTable.parse(bytes) else { throw KeywordProblem.unreadable(path: path) }
    guard known.names.allSatisfy({ names[$0.key] == $0.value }) else { throw KeywordProblem.shrunken(path: path) }
    return KeywordTable(names: names)
  }

  /// Whether a line can hold the keyword: one of IMAP's, or at least no control character or blank in it.
  private static func isStorable(_ keyword: String) -> Bool {
    !keyword.isEmpty && keyword.utf8.count <= 255 && keyword.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
  }
}

/// Why keywords of a folder are left as they are until the cause is gone.
package enum KeywordProblem: Error, Hashable, Sendable {
  case unreadable(path: String)
  /// Names that were known are gone or changed: the letters in file names may mean something else now.
  case shrunken(path: String)
  /// Another program held the lock for longer than this one waits: the next round tries again.
  case locked(path: String)
}

extension KeywordProblem: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadable(let path):
      "\(path): cannot be read as a list of keywords; repair or restore it; until then keywords are left as they are"
    case .shrunken(let path):
      "\(path): keywords that it named are gone or changed; restore it; until then keywords are left as they are"
    case .locked(let path):
      "\(path): another program holds this lock; keywords wait for the next round"
    }
  }
}
