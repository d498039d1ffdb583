/// Reads how an account signs in: one of the four `password_` keys or `oauth2`, and `auth`.
struct SignInSection {
  static let keys = ["password_command", "password_file", "password_credential", "password_env"]
  private static let tokenExample = "{ token_command = [\"oama\", \"access\", \"me@example.org\"] }"
  private static let commandExample = "[\"pass\", \"show\", \"mail/work\"]"

  let section: ConfigurationSection
  let places: ConfigurationPlaces
  let directory: String
  let mailProtocol: MailProtocol

  /// What was read; nil only where a problem was noted.
  struct Result {
    let source: PasswordSource
    let written: [AuthenticationMechanism]?

    /// Those that are written, else the preset's.
    func mechanisms(_ preset: ProviderPreset?) -> [AuthenticationMechanism]? {
      if case .tokenCommand = source { return written ?? preset?.tokenMechanisms }
      return written
    }
  }

  func read() -> Result? {
    let mechanisms = readMechanisms()
    let isWithoutPassword = section.has("tunnel") || mechanisms == [.external]
    guard let source = readSource(isWithoutPassword: isWithoutPassword) else { return nil }
    for (index, mechanism) in (mechanisms ?? []).enumerated() { check(mechanism, index, source) }
    return Result(source: source, written: mechanisms)
  }

  private func readMechanisms() -> [AuthenticationMechanism]? {
    guard let written = section.strings("auth", example: "[\"scram-sha-256\", \"plain\"]") else { return nil }
    return written.enumerated().compactMap { index, text in
      ConfigurationSection.word(text, at: section.path + ["auth", "[\(index)]"], section.problems)
    }
  }

  /// A mechanism must have what it sends.
  private func check(_ mechanism: AuthenticationMechanism, _ index: Int, _ source: PasswordSource) {
    let path = section.path + ["auth", "[\(index)]"]
    let hasToken = if case .tokenCommand = source { true } else { false }
    switch mechanism {
    case .apop where mailProtocol == .imap:
      section.problems.add(path, "\"apop\" is a sign-in of POP3", "remove it here")
    case .xoauth2, .oauthbearer:
      if hasToken { return }
      section.problems.add(
        path, "\(quoted(mechanism.rawValue)) sends a token",
        "add oauth2 = \(Self.tokenExample) in the place of the password, or remove it here")
    case .external:
      if section.has("tls_client_certificate") || section.has("tunnel") { return }
      section.problems.add(
        path, "\"external\" takes you for who your certificate says",
        "add tls_client_certificate and tls_client_key, or remove it here")
    default:
      if !hasToken { return }
      section.problems.add(
        path, "\(quoted(mechanism.rawValue)) sends a password, and oauth2 gives a token",
        "write \"xoauth2\" or \"oauthbearer\", or remove auth")
    }
  }

  private func readSource(isWithoutPassword: Bool) -> PasswordSource? {
    let written = (Self.keys + ["oauth2"]).filter(section.has)
    if written.isEmpty {
      if isWithoutPassword { return PasswordSource.none }
      section.missing(
        "password_command", example: "\(Self.commandExample), or \(alternatives(Self.keys.dropFirst() + ["oauth2"]))")
      return nil
    }
    if written.count > 1 {
      section.add(written[1], "there is \(written[0]), too", "keep one of \(written.joined(separator: ", "))")
    }
    return written.map(source).first ?? nil
  }

  private func source(_ key: String) -> PasswordSource? {
    switch key {
    case "password_command": command(section, "password_command", Self.commandExample).map(PasswordSource.command)
    case "oauth2": tokenCommand()
    case "password_file": file()
    case "password_credential": credential()
    default: variable()
    }
  }

  private func command(_ section: ConfigurationSection, _ key: String, _ example: String) -> [String]? {
    guard var words = section.strings(key, example: example) else { return nil }
    if words[0].hasPrefix("~") {
      guard let program = places.absolute(words[0], relativeTo: directory) else {
        _ = unknownHome(key, in: section)
        return nil
      }
      words[0] = program
    }
    return words
  }

  private func tokenCommand() -> PasswordSource? {
    guard let table = section.section("oauth2", example: Self.tokenExample) else { return nil }
    table.checkNames(ConfigurationKeys.oauth2, place: "in oauth2")
    guard table.has("token_command") else {
      table.missing("token_command", example: "[\"oama\", \"access\", \"me@example.org\"]")
      return nil
    }
    return command(table, "token_command", Self.tokenExample).map(PasswordSource.tokenCommand)
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

  private func unknownHome(_ key: String, in table: ConfigurationSection? = nil) -> PasswordSource? {
    (table ?? section).add(
      key, "the home directory that ~ stands for is not known", "write the whole path, starting with /")
    return nil
  }
}
