import MailModel

/// What `dovecot-keywords` says: which keyword each of the letters a to z stands for in this folder's file names.
///
///     0 $Forwarded
///     1 todo
package struct KeywordTable: Hashable, Sendable {
  /// By letter; a letter without an entry is an unknown flag, never a removed keyword.
  package private(set) var names: [UInt8: String]

  package init(names: [UInt8: String] = [:]) { self.names = names }

  package func name(of letter: UInt8) -> String? { names[letter] }

  package func letter(of keyword: String) -> UInt8? {
    let key = keyword.asciiLowercased()
    return names.filter { $0.value.asciiLowercased() == key }.keys.min()
  }

  /// The letters for a message's keywords, with those that have none, which live in the state alone.
  package func letters(for keywords: [String]) -> (letters: [UInt8], unnamed: [String]) {
    var letters: Set<UInt8> = []
    var unnamed: [String] = []
    for keyword in keywords {
      if let letter = letter(of: keyword) { letters.insert(letter) } else { unnamed.append(keyword) }
    }
    return (letters.sorted(), unnamed)
  }

  /// The keywords of a file name's letters, with the letters that have no name.
  package func keywords(of letters: [UInt8]) -> (keywords: [String], unknown: [UInt8]) {
    (letters.compactMap { names[$0] }, letters.filter { names[$0] == nil })
  }
}

extension KeywordTable {
  /// The lines of `dovecot-keywords`; nil where they are not in its form: a line without number, a number with two
  /// names, a last line cut short. Numbers from 26 on have no letter and are passed over, as Dovecot does.
  static func parse(_ bytes: [UInt8]) -> [UInt8: String]? {
    guard bytes.isEmpty || bytes.last == 0x0A else { return nil }
    var names: [UInt8: String] = [:]
    for line in bytes.dropLast().split(separator: 0x0A) {
      guard let blank = line.firstIndex(of: 0x20), let text = String(validating: line[(blank + 1)...], as: UTF8.self),
        !text.isEmpty, let number = UInt32(String(decoding: line[..<blank], as: UTF8.self))
      else { return nil }
      guard number < 26 else { continue }
      let letter = UInt8(ascii: "a") + UInt8(number)
      guard names.updateValue(text, forKey: letter) == nil else { return nil }
    }
    return names
  }
}
