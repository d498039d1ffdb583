/// The problems found so far, and where in the file they are.
final class ProblemList {
  let file: String
  let lines: KeyLines
  private(set) var found: [ConfigurationProblem] = []

  init(file: String, lines: KeyLines) {
    self.file = file
    self.lines = lines
  }

  func add(_ path: [String], _ what: String, _ remedy: String) {
    found.append(
      ConfigurationProblem(
        file: file, line: lines.line(of: path), key: path.isEmpty ? nil : Self.written(path), what: what,
        remedy: remedy))
  }

  func add(line: Int?, _ what: String, _ remedy: String) {
    found.append(ConfigurationProblem(file: file, line: line, what: what, remedy: remedy))
  }

  /// `accounts."my work".host`, `accounts.work.auth[1]`
  private static func written(_ path: [String]) -> String {
    var text = ""
    for part in path {
      if part.hasPrefix("["), part.hasSuffix("]"), Int(part.dropFirst().dropLast()) != nil {
        text += part
        continue
      }
      let isBare = !part.isEmpty && part.utf8.allSatisfy(isNameByte)
      text += (text.isEmpty ? "" : ".") + (isBare ? part : quoted(part))
    }
    return text
  }
}

/// Letters, digits, `-` and `_`: what a bare TOML key and an account's name may hold.
func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
    true
  default: false
  }
}

/// A value in quotes for a message, cut at 60 characters, control characters as `?`.
func quoted(_ text: String) -> String {
  let cut = text.count > 60 ? text.prefix(60) + "..." : text[...]
  let clean = cut.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "?" : String($0) }
  return "\"" + clean.joined() + "\""
}

/// `a`, `a or b`, `a, b or c`
func alternatives(_ names: [String]) -> String {
  guard let last = names.last, names.count > 1 else { return names.first ?? "" }
  return names.dropLast().joined(separator: ", ") + " or " + last
}

/// One table of the configuration: reads values of a wanted type and notes what is wrong with them.
struct ConfigurationSection {
  let path: [String]
  let entries: [String: TOMLNode]
  let problems: ProblemList

  func has(_ key: String) -> Bool { entries[key] != nil }

  func add(_ key: String, _ what: String, _ remedy: String) { problems.add(path + [key], what, remedy) }

  /// A required key that is not there.
  func missing(_ key: String, example: String) {
    add(key, "missing", "add \(key) = \(example)")
  }

  /// Notes keys that there are not, and those that this version does nothing with.
  func checkNames(_ keys: [ConfigurationKey], place: String) {
    for name in entries.keys {
      if let key = keys.first(where: { $0.name == name }) {
        if !key.isSupported {
          add(name, "not supported in this version", "remove it; a later version brings it")
        }
      } else if name == "password" || name == "pass" {
        add(
          name, "a password has no place in the configuration",
          "remove it and name its source with password_command, password_file, password_credential or password_env")
      } else if let nearest = nearestName(to: name, among: keys.filter(\.isSupported).map(\.name)) {
        add(name, "no such key \(place)", "did you mean \"\(nearest)\"?")
      } else {
        add(name, "no such key \(place)", "remove it; config.example.toml has all keys")
      }
    }
  }

  func string(_ key: String) -> String? {
    guard let node = entries[key] else { return nil }
    guard case .string(let text) = node else {
      wrongType(key, node, wanted: "a string", remedy: "write it in quotes")
      return nil
    }
    guard !text.isEmpty else {
      add(key, "is empty", "give it a value or remove it")
      return nil
    }
    return text
  }

  func boolean(_ key: String) -> Bool? {
    guard let node = entries[key] else { return nil }
    guard case .boolean(let flag) = node else {
      wrongType(key, node, wanted: "true or false", remedy: "write true or false, without quotes")
      return nil
    }
    return flag
  }

  func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
    guard let node = entries[key] else { return nil }
    guard case .integer(let number) = node else {
      wrongType(
        key, node, wanted: "a whole number",
        remedy: "write a number from \(range.lowerBound) to \(range.upperBound), without quotes")
      return nil
    }
    guard range.contains(number) else {
      add(key, "\(number) is out of range", "write a number from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return number
  }

  func fraction(_ key: String) -> Double? {
    guard let node = entries[key] else { return nil }
    let number: Double
    switch node {
    case .number(let value): number = value
    case .integer(let value): number = Double(value)
    default:
      wrongType(key, node, wanted: "a number", remedy: "write a number from 0 to 1, without quotes")
      return nil
    }
    guard number >= 0, number <= 1 else {
      add(key, "\(number) is out of range", "write a share from 0 to 1; 0.2 is 20 %")
      return nil
    }
    return number
  }

  func duration(_ key: String, seconds range: ClosedRange<Int>, example: String) -> Duration? {
    guard let node = entries[key] else { return nil }
    guard case .string(let text) = node else {
      wrongType(key, node, wanted: "a duration", remedy: "write it in quotes with its unit, as in \"\(example)\"")
      return nil
    }
    guard let seconds = WrittenDuration.seconds(text) else {
      add(key, "\(quoted(text)) is not a duration", "write a number with s, m, h or d, as in \"\(example)\"")
      return nil
    }
    guard range.contains(seconds) else {
      add(
        key, "\(quoted(text)) is out of range",
        "write a duration from \(range.lowerBound) to \(range.upperBound) seconds, as in \"\(example)\"")
      return nil
    }
    return .seconds(seconds)
  }

  /// One of the words that a type knows.
  func word<Word: RawRepresentable & CaseIterable>(_ key: String, _: Word.Type) -> Word? where Word.RawValue == String {
    string(key).flatMap { Self.word($0, at: path + [key], problems) }
  }

  static func word<Word: RawRepresentable & CaseIterable>(
    _ text: String, at path: [String], _ problems: ProblemList
  ) -> Word? where Word.RawValue == String {
    if let word = Word(rawValue: text) { return word }
    let words = Word.allCases.map(\.rawValue)
    let remedy = nearestName(to: text, among: words).map { "did you mean \"\($0)\"?" }
    problems.add(
      path, "\(quoted(text)) is not a value that it can have",
      remedy ?? "write " + alternatives(words.map { "\"\($0)\"" }))
    return nil
  }

  /// A list of strings that aren't empty; a list without any is a problem, too.
  func strings(_ key: String, example: String) -> [String]? {
    guard let node = entries[key] else { return nil }
    guard case .array(let elements) = node else {
      wrongType(key, node, wanted: "a list of strings", remedy: "write it as in \(example)")
      return nil
    }
    guard !elements.isEmpty else {
      add(key, "is an empty list", "write it as in \(example), or remove it")
      return nil
    }
    var texts: [String] = []
    for (index, element) in elements.enumerated() {
      if case .string(let text) = element, !text.isEmpty {
        texts.append(text)
      } else {
        let what = if case .string = element { "is empty" } else { "must be a string, not \(element.kind)" }
        problems.add(path + [key, "[\(index)]"], what, "write it as in \(example)")
      }
    }
    return texts.count == elements.count ? texts : nil
  }

  /// A table in this one, written inline or with a heading of its own.
  func section(_ key: String, example: String) -> ConfigurationSection? {
    guard let node = entries[key] else { return nil }
    guard case .table(let entries) = node else {
      wrongType(key, node, wanted: "a table", remedy: "write it as in \(example)")
      return nil
    }
    return ConfigurationSection(path: path + [key], entries: entries, problems: problems)
  }

  private func wrongType(_ key: String, _ node: TOMLNode, wanted: String, remedy: String) {
    add(key, "must be \(wanted), not \(node.kind)", remedy)
  }
}
