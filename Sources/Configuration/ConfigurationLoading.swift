import Glibc
import TOMLKit

extension MirrorConfiguration {
  /// Far more than any configuration needs.
  private static let sizeLimit = 1 << 20

  /// Reads and checks the file that the option, the environment or the XDG rules name.
  package static func load(
    option: String?, places: ConfigurationPlaces
  ) throws(ConfigurationError) -> MirrorConfiguration {
    guard let file = places.configurationFile(option: option) else {
      throw ConfigurationError([
        ConfigurationProblem(
          file: option ?? "configuration", what: "the home directory is not known",
          remedy: "name the file with --config, as a whole path")
      ])
    }
    return try parse(read(file), file: file, places: places)
  }

  /// Checks a whole configuration and reports everything that is wrong with it, in the order of the file.
  package static func parse(
    _ text: String, file: String, places: ConfigurationPlaces
  ) throws(ConfigurationError) -> MirrorConfiguration {
    guard !text.utf8.contains(0) else {
      throw ConfigurationError([
        ConfigurationProblem(file: file, what: "has a NUL in it", remedy: "save it as plain UTF-8 text")
      ])
    }
    let lines = KeyLines(text: text)
    if let fault = lines.fault {
      throw ConfigurationError([
        ConfigurationProblem(
          file: file, line: fault.line, what: "not valid TOML: \(fault.what)", remedy: fault.remedy)
      ])
    }
    let document: [String: TOMLNode]
    do {
      document = try TOMLNode.document(text)
    } catch {
      throw ConfigurationError([
        ConfigurationProblem(
          file: file, line: error.source.begin.line, what: "not valid TOML: \(error.description)",
          remedy: "correct this line or the one before it")
      ])
    }
    let problems = ProblemList(file: file, lines: lines)
    for line in problems.lines.linesWithNUL { problems.add(line: line, "has a NUL in it", "remove it") }
    let configuration = TopSection(document: document, problems: problems, file: file, places: places).read()
    let found = problems.found.sorted { ($0.line ?? 0, $0.key ?? "") < ($1.line ?? 0, $1.key ?? "") }
    guard let configuration, found.isEmpty else { throw ConfigurationError(found) }
    return configuration
  }

  private static func read(_ file: String) throws(ConfigurationError) -> String {
    func problem(_ what: String, _ remedy: String) -> ConfigurationError {
      ConfigurationError([ConfigurationProblem(file: file, what: what, remedy: remedy)])
    }
    switch SmallFile.read(file, limit: sizeLimit) {
    case .success(let content):
      guard let text = String(validating: content.bytes, as: UTF8.self) else {
        throw problem("is not UTF-8 text", "save it as UTF-8")
      }
      return text
    case .failure(.missing):
      throw problem("there is no such file", "write one as config.example.toml shows, or name another with --config")
    case .failure(.notAFile): throw problem("is not a regular file", "name the configuration file itself")
    case .failure(.tooLong): throw problem("is longer than 1 MB", "name the configuration file itself")
    case .failure(.refused(let reason)): throw problem("can't be read: \(reason)", "make it readable for this user")
    }
  }
}

/// The keys above all accounts, the accounts, and what must hold between them.
private struct TopSection {
  let document: [String: TOMLNode]
  let problems: ProblemList
  let file: String
  let places: ConfigurationPlaces

  private var section: ConfigurationSection { ConfigurationSection(path: [], entries: document, problems: problems) }
  private var directory: String { ConfigurationPlaces.standardized(file + "/..") }

  func read() -> MirrorConfiguration? {
    section.checkNames(ConfigurationKeys.top, place: "outside of the accounts")
    let maildir = section.string("maildir").flatMap { absolutePath("maildir", $0) }
    let stateDirectory =
      section.has("state_dir")
      ? section.string("state_dir").flatMap { absolutePath("state_dir", $0) } : places.stateDirectory
    if stateDirectory == nil, !section.has("state_dir") {
      section.missing("state_dir", example: "\"/path/of/the/state\", because the home directory is not known")
    }
    let named = section.string("socket").flatMap { absolutePath("socket", $0) }
    let logLevel = section.word("log_level", LogLevel.self) ?? .info
    let accounts = readAccounts(commonMaildir: maildir)
    guard let stateDirectory else { return nil }
    checkPlaces(accounts, stateDirectory: stateDirectory)
    return MirrorConfiguration(
      file: file, stateDirectory: stateDirectory,
      socketPath: named ?? places.socketPath(stateDirectory: stateDirectory), logLevel: logLevel, accounts: accounts)
  }

  private func readAccounts(commonMaildir: String?) -> [AccountConfiguration] {
    guard let table = section.section("accounts", example: "[accounts.work]") else {
      if !section.has("accounts") {
        problems.add(line: nil, "has no account", "add one under a heading such as [accounts.work]")
      }
      return []
    }
    if table.entries.isEmpty { section.add("accounts", "has no account", "add one as in [accounts.work]") }
    let names = table.entries.keys.sorted { left, right in
      (problems.lines.line(of: table.path + [left]) ?? 0, left) < (
        problems.lines.line(of: table.path + [right]) ?? 0, right
      )
    }
    return names.compactMap { name in
      guard let account = table.section(name, example: "[accounts.work]") else { return nil }
      return AccountSection(
        name: name, section: account, places: places, directory: directory, commonMaildir: commonMaildir
      ).read()
    }
  }

  /// Two accounts that shared files would each take the other's for changes made by the person.
  private func checkPlaces(_ accounts: [AccountConfiguration], stateDirectory: String) {
    let roots = accounts.map { ConfigurationPlaces.resolved($0.maildir) }
    let state = ConfigurationPlaces.resolved(stateDirectory)
    for (index, account) in accounts.enumerated() {
      let path = ["accounts", account.name, "maildir"]
      for (other, root) in zip(accounts[..<index], roots) {
        if root == roots[index] {
          problems.add(path, "\(roots[index]) is the maildir of account \(other.name), too", "give each its own")
        } else if ConfigurationPlaces.contains(root, roots[index]) || ConfigurationPlaces.contains(roots[index], root) {
          problems.add(
            path, "\(roots[index]) and the maildir of account \(other.name), \(root), lie one in the other",
            "give each its own")
        }
      }
      if ConfigurationPlaces.contains(roots[index], state) {
        problems.add(
          section.has("state_dir") ? ["state_dir"] : path,
          "the state directory \(state) lies in the maildir of account \(account.name)",
          "put one of them elsewhere")
      } else if ConfigurationPlaces.contains(state + "/quarantine", roots[index]) {
        problems.add(path, "\(roots[index]) lies in the quarantine of the state directory", "put it elsewhere")
      }
    }
  }

  private func absolutePath(_ key: String, _ written: String) -> String? {
    if let path = places.absolute(written, relativeTo: directory) { return path }
    section.add(key, "the home directory in \(quoted(written)) is not known", "write the whole path, starting with /")
    return nil
  }
}
