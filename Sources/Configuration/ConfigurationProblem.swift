/// One thing that is wrong in a configuration, for a person:
/// `config.toml:7: accounts.work.prot: no such key; did you mean "port"?`
package struct ConfigurationProblem: Error, Hashable, Encodable, Sendable {
  package let file: String
  /// Nil where the whole file is meant.
  package let line: Int?
  /// As TOML writes it, `accounts.work.hold.share`; nil where no key is meant.
  package let key: String?
  package let what: String
  package let remedy: String

  package init(file: String, line: Int? = nil, key: String? = nil, what: String, remedy: String) {
    self.file = file
    self.line = line
    self.key = key
    self.what = what
    self.remedy = remedy
  }

  /// Where to look: file, line and key, as far as they are known.
  package var location: String {
    file + (line.map { ":\($0)" } ?? "") + (key.map { ": \($0)" } ?? "")
  }
}

extension ConfigurationProblem: CustomStringConvertible {
  package var description: String { "\(location): \(what); \(remedy)" }
}

/// Everything that is wrong in a configuration, in the order of the file. With any of it nothing starts.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  package let problems: [ConfigurationProblem]

  package init(_ problems: [ConfigurationProblem]) { self.problems = problems }

  package var description: String { problems.map(\.description).joined(separator: "\n") }
}
