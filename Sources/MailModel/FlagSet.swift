/// The flags that every Maildir can hold as a letter (RFC 3501 section 2.3.2; `$Forwarded` is RFC 5550).
package struct SystemFlags: OptionSet, Hashable, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package static let seen = SystemFlags(rawValue: 1)
  package static let answered = SystemFlags(rawValue: 2)
  package static let flagged = SystemFlags(rawValue: 4)
  package static let deleted = SystemFlags(rawValue: 8)
  package static let draft = SystemFlags(rawValue: 16)
  package static let forwarded = SystemFlags(rawValue: 32)

  /// Each flag with its name on the wire and its letter in a Maildir file name.
  package static let table: [(flag: SystemFlags, name: String, letter: UInt8)] = [
    (.draft, "\\Draft", UInt8(ascii: "D")), (.flagged, "\\Flagged", UInt8(ascii: "F")),
    (.forwarded, "$Forwarded", UInt8(ascii: "P")), (.answered, "\\Answered", UInt8(ascii: "R")),
    (.seen, "\\Seen", UInt8(ascii: "S")), (.deleted, "\\Deleted", UInt8(ascii: "T")),
  ]
}

/// A message's flags: system flags and keywords. `\Recent` is no flag of a message and is dropped. Names compare
/// without regard to ASCII case, as servers do; the first spelling is kept.
package struct FlagSet: Hashable, Sendable {
  package var system: SystemFlags
  /// Sorted by their lower-case form, without repeats.
  package private(set) var keywords: [String]

  package init(system: SystemFlags = [], keywords: some Sequence<String> = EmptyCollection<String>()) {
    self.system = system
    self.keywords = []
    for keyword in keywords { insert(keyword: keyword) }
  }

  /// Flags by their names on the wire, as in `FLAGS (\Seen $Forwarded todo)`.
  package init(wireNames: some Sequence<String>) {
    self.init()
    for name in wireNames { insert(wireName: name) }
  }

  package mutating func insert(wireName name: String) {
    let lower = name.asciiLowercased()
    if let entry = SystemFlags.table.first(where: { $0.name.asciiLowercased() == lower }) {
      system.insert(entry.flag)
    } else if lower != "\\recent", lower != "\\*" {
      insert(keyword: name)
    }
  }

  package mutating func insert(keyword: String) {
    let key = keyword.asciiLowercased()
    let index = keywords.firstIndex { $0.asciiLowercased() >= key } ?? keywords.count
    if index < keywords.count, keywords[index].asciiLowercased() == key { return }
    keywords.insert(keyword, at: index)
  }

  package func contains(keyword: String) -> Bool {
    let key = keyword.asciiLowercased()
    return keywords.contains { $0.asciiLowercased() == key }
  }

  package func union(_ other: FlagSet) -> FlagSet {
    FlagSet(system: system.union(other.system), keywords: keywords + other.keywords)
  }

  package func subtracting(_ other: FlagSet) -> FlagSet {
    FlagSet(system: system.subtracting(other.system), keywords: keywords.filter { !other.contains(keyword: $0) })
  }

  package var isEmpty: Bool { system.isEmpty && keywords.isEmpty }

  /// The names as the wire has them, system flags first.
  package var wireNames: [String] {
    SystemFlags.table.filter { system.contains($0.flag) }.map(\.name) + keywords
  }

  package static func == (left: FlagSet, right: FlagSet) -> Bool {
    left.system == right.system
      && left.keywords.map { $0.asciiLowercased() } == right.keywords.map { $0.asciiLowercased() }
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(system)
    for keyword in keywords { hasher.combine(keyword.asciiLowercased()) }
  }
}

extension FlagSet: CustomStringConvertible {
  package var description: String { "(" + wireNames.joined(separator: " ") + ")" }
}
