import LinuxFiles
import MailModel

/// A message's file name: `1790000000.M123P45Rabcdef,S=8123:2,FS`, that is a base name, which is opaque and unique, and
/// flags as letters. What other programs put there survives: unknown letters, `,X=` fields, other info parts, bytes.
package struct MessageFileName: Hashable, Sendable {
  /// The part before the info, which stays the same for as long as the message lives.
  package let base: FileName
  /// The letters after `2,`, sorted, each once; the unknown ones too.
  package private(set) var letters: [UInt8]
  /// What separates base and info: `:`, or `;` or `!` on file systems that refuse the colon.
  private let separator: UInt8
  /// Whatever follows the letters from a comma on.
  private let tail: [UInt8]
  /// An info part of another kind, such as `1,x`, kept until flags are set.
  private let foreignInfo: [UInt8]?

  package init(base: FileName, flags: SystemFlags = [], keywordLetters: [UInt8] = []) {
    self.base = base
    letters = []
    separator = UInt8(ascii: ":")
    tail = []
    foreignInfo = nil
    set(flags: flags, keywordLetters: keywordLetters)
  }

  /// Any directory entry reads as a message's name.
  package init(parsing name: FileName) {
    let bytes = name.bytes
    let parts = MessageFileName.split(bytes)
    base = parts.flatMap { FileName(bytes: bytes[..<$0.mark]) } ?? name
    separator = parts?.separator ?? UInt8(ascii: ":")
    guard let parts else {
      (letters, tail, foreignInfo) = ([], [], nil)
      return
    }
    let info = bytes[(parts.mark + 1)...]
    guard info.starts(with: "2,".utf8) else {
      (letters, tail, foreignInfo) = ([], [], Array(info))
      return
    }
    let flags = info.dropFirst(2).prefix { $0 != UInt8(ascii: ",") }
    letters = Set(flags).sorted()
    tail = Array(info.dropFirst(2 + flags.count))
    foreignInfo = nil
  }

  /// The directory entry. Sorted letters as the Maildir specification wants; no info part where there is nothing to
  /// say.
  package var fileName: FileName {
    let info: [UInt8]
    if let foreignInfo {
      info = [separator] + foreignInfo
    } else if letters.isEmpty && tail.isEmpty && MessageFileName.split(base.bytes) == nil {
      info = []
    } else {
      info = [separator] + Array("2,".utf8) + letters + tail
    }
    return FileName(bytes: base.bytes + info) ?? base
  }

  /// The name in `cur/`, where an info part is expected even without flags: `base:2,`.
  package var fileNameInCur: FileName {
    guard foreignInfo == nil, letters.isEmpty, tail.isEmpty else { return fileName }
    return FileName(bytes: base.bytes + [separator] + Array("2,".utf8)) ?? base
  }

  package var flags: SystemFlags {
    SystemFlags.table.reduce(into: []) { if letters.contains($1.letter) { $0.insert($1.flag) } }
  }

  /// The letters a to z, whose names are in `dovecot-keywords`.
  package var keywordLetters: [UInt8] { letters.filter(MessageFileName.isKeyword) }

  /// Letters that this program has no meaning for; they are kept.
  package var unknownLetters: [UInt8] {
    letters.filter { letter in
      !MessageFileName.isKeyword(letter) && !SystemFlags.table.contains { $0.letter == letter }
    }
  }

  /// Replaces the system flags and the keyword letters; all others stay.
  package mutating func set(flags: SystemFlags, keywordLetters: [UInt8]) {
    let system = SystemFlags.table.filter { flags.contains($0.flag) }.map(\.letter)
    letters = Set(unknownLetters + system + keywordLetters.filter(MessageFileName.isKeyword)).sorted()
  }

  /// The same with other system flags.
  package func with(flags: SystemFlags, keywordLetters: [UInt8]) -> MessageFileName {
    var copy = MessageFileName(withoutForeignInfo: self)
    copy.set(flags: flags, keywordLetters: keywordLetters)
    return copy
  }

  /// The size that the base name claims in `,S=`.
  package var claimedSize: Int64? {
    for field in base.bytes.split(separator: UInt8(ascii: ",")).dropFirst() where field.starts(with: "S=".utf8) {
      return Int64(String(decoding: field.dropFirst(2), as: UTF8.self))
    }
    return nil
  }

  private init(withoutForeignInfo name: MessageFileName) {
    (base, letters, separator, tail) = (name.base, name.letters, name.separator, name.tail)
    foreignInfo = nil
  }

  private static func isKeyword(_ letter: UInt8) -> Bool { (0x61...0x7A).contains(letter) }

  /// Where the info part begins: at the first colon (as Dovecot reads it) that leaves a base name, else at `;2,` or
  /// `!2,` near the end.
  private static func split(_ bytes: [UInt8]) -> (mark: Int, separator: UInt8)? {
    if let colon = bytes.dropFirst().firstIndex(of: UInt8(ascii: ":")) { return (colon, UInt8(ascii: ":")) }
    for separator in [UInt8(ascii: ";"), UInt8(ascii: "!")] {
      guard let mark = bytes.lastIndex(of: separator), mark > 0, bytes[(mark + 1)...].starts(with: "2,".utf8)
      else { continue }
      let letters = bytes[(mark + 3)...]
      if letters.allSatisfy({ (0x41...0x5A).contains($0) || isKeyword($0) }) { return (mark, separator) }
    }
    return nil
  }
}
