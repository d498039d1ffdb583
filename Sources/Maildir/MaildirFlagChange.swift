import Glibc
import LinuxFiles
import MailModel

extension MaildirFolder {
  /// Changes the flags in a message's name; a message in `new/` that gets flags moves to `cur/`. Another program may
  /// have renamed the file since the scan: its base name is then looked for again and the change is made to the flags
  /// that it has now, so that both changes survive.
  ///
  /// - Returns: what the file is now, or nil where its flags were those already.
  package func changeFlags(
    of entry: ScanEntry, _ change: (inout FlagLetters) -> Void
  ) throws -> ScanEntry? {
    var current = entry
    for _ in 0..<5 {
      let name = current.parsed
      var letters = FlagLetters(system: name.flags, keywords: name.keywordLetters)
      change(&letters)
      let wanted = name.with(flags: letters.system, keywordLetters: letters.keywords)
      if wanted.letters == name.letters { return nil }
      let target = wanted.fileNameInCur
      do {
        try self[current.subdirectory].rename(current.name, to: cur, as: target, label: "flags")
        return ScanEntry(name: target, subdirectory: .cur, status: try cur.status(of: target))
      } catch let error as FileError where error.isMissing {
        guard let found = try find(base: name.base).first else { throw MaildirError.messageMissing(base: name.base) }
        current = found
      }
    }
    throw MaildirError.messageMissing(base: entry.parsed.base)
  }
}

/// The flags that a file name holds.
package struct FlagLetters: Hashable, Sendable {
  package var system: SystemFlags
  /// Letters a to z of `dovecot-keywords`.
  package var keywords: [UInt8]

  package init(system: SystemFlags, keywords: [UInt8] = []) {
    self.system = system
    self.keywords = keywords
  }
}
