/// Reads which of the four `password_` keys an account has; exactly one is right.
struct PasswordSection {
  static let keys = ["password_command", "password_file", "password_credential", "password_env"]
  private static let commandExample = "[\"pass\", \"show\", \"mail/work\"]"

  let section: ConfigurationSection
  let places: ConfigurationPlaces
  let directory: String

  func read() -> PasswordSource? {
    let written = Self.keys.filter(section.has)
    if written.isEmpty {
      section.missing(
        "password_command", example: "\(Self.commandExample), or \(alternatives(Array(Self.keys.dropFirst())))")
      return nil
    }
    if written.count > 1 {
      section.add(written[1], "there is \(written[0]), too", "keep one of \(written.joined(separator: ", "))")
    }
    return written.map(source).first ?? nil
  }

  private func source(_ key: String) -> PasswordSource? {
    switch key {
    case "password_command": command()
    case "password_file": file()
    case "password_credential": credential()
    default: variable()
    }
  }

  private func command() -> PasswordSource? {
    guard var words = section.strings("password_command", example: Self.commandExample) else { return nil }
    if words[0].hasPrefix("~") {
      guard let program = places.absolute(words[0], relativeTo: directory) else {
        return unknownHome("password_command")
      }
      words[0] = program
    }
    return .command(words)
  }

  private func file() -> PasswordSource? {
    guard let written = section.string("password_file") else { return nil }
    guard let path = places.absolute(written, relativeTo: directory) else { return unknownHome("password_file") }
    return .file(path)
  }

  private func credential() -> PasswordSource? {
    guard let name = section.string("password_credential") else { return nil }
    guard !name.contains("/"), name != ".", name != ".." else {
      section.add(
        "password_credential", "\(quoted(name)) is not the name of a credential",
        "write the name that LoadCredential= gives it; for a path there is password_file")
      return nil
    }
    return .credential(name)
  }

  private func variable() -> PasswordSource? {
    guard let name = section.string("password_env") else { return nil }
    guard name.utf8.allSatisfy(isNameByte), !name.contains("-") else {
      // What stands here may be the password itself, so it is not repeated.
      section.add("password_env", "not the name of a variable", "write the name alone, as in \"WORK_PASSWORD\"")
      return nil
    }
    return .environment(name)
  }

  private func unknownHome(_ key: String) -> PasswordSource? {
    section.add(key, "the home directory that ~ stands for is not known", "write the whole path, starting with /")
    return nil
  }
}
