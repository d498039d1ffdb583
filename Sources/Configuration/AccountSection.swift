import MailModel

/// Reads one `[accounts.NAME]` table. Everything in it is looked at, so that all its problems are told at once.
struct AccountSection {
  let name: String
  let section: ConfigurationSection
  let places: ConfigurationPlaces
  /// Relative paths start at the configuration file's directory.
  let directory: String
  /// The configuration's own `maildir`.
  let commonMaildir: String?

  /// Nil only where a problem was noted.
  func read() -> AccountConfiguration? {
    section.checkNames(ConfigurationKeys.account, place: "in an account")
    checkName()
    let mailProtocol = readProtocol()
    let preset = section.word("preset", ProviderPreset.self)
    let server = ServerSection(
      section: section, places: places, directory: directory, preset: preset, mailProtocol: mailProtocol
    ).read()
    let user = readUser()
    let signIn = SignInSection(
      section: section, places: places, directory: directory, mailProtocol: mailProtocol
    ).read()
    let maildir = readMaildir()
    let layout = section.word("layout", MaildirLayoutName.self) ?? .maildirPlusPlus
    let map = readMap(layout: layout)
    let account = AccountConfiguration(
      name: name, server: server ?? ServerConfiguration(host: "", port: 0, tls: .implicit), user: user ?? "",
      password: signIn?.source ?? .none, mechanisms: signIn?.mechanisms(preset), maildir: maildir ?? "", layout: layout,
      mailboxes: readMailboxes(), subscribedOnly: section.boolean("subscribed_only") ?? false, map: map,
      direction: section.word("direction", SyncDirection.self) ?? .twoWay,
      deleteOnServer: section.word("delete_on_server", ServerDeletion.self) ?? .trash,
      drain: mailProtocol == .pop3 ? DrainSection(section: section, user: user).read() : nil,
      createOnServer: section.boolean("create_on_server") ?? true,
      settle: section.duration("settle", seconds: 0...3600, example: "10s") ?? .seconds(10),
      deleteLocally: section.word("delete_locally", LocalDeletion.self) ?? .quarantine,
      keepDeleted: section.duration("keep_deleted", seconds: 0...3_153_600_000, example: "30d")
        ?? .seconds(30 * 86400),
      hold: readHold(), connections: section.integer("connections", in: 1...20) ?? preset?.connections ?? 4,
      push: readPush(),
      pollInterval: section.duration("poll_interval", seconds: 1...86_400, example: "5m") ?? .seconds(300),
      timeout: section.duration("timeout", seconds: 1...3600, example: "60s") ?? .seconds(60),
      onChange: HookSection(section: section, places: places, directory: directory).read())
    return server == nil || user == nil || signIn == nil || maildir == nil ? nil : account
  }

  private func checkName() {
    guard name.isEmpty || name.utf8.count > 64 || !name.utf8.allSatisfy(isNameByte) else { return }
    section.problems.add(
      section.path, "not a name for an account", "use 1 to 64 letters, digits, - and _, as in [accounts.work]")
  }

  /// Keys of the other protocol mean nothing, and a key without its effect misleads.
  private func readProtocol() -> MailProtocol {
    guard section.has("protocol") else {
      section.missing("protocol", example: "\"imap\"")
      return .imap
    }
    guard let written = section.string("protocol") else { return .imap }
    guard let mailProtocol = MailProtocol(rawValue: written) else {
      section.add("protocol", "\(quoted(written)) is not a value that it can have", "write \"imap\" or \"pop3\"")
      return .imap
    }
    let foreign = mailProtocol == .imap ? ConfigurationKeys.pop3Only : ConfigurationKeys.imapOnly
    for key in foreign where section.has(key) {
      section.add(key, "means nothing with protocol = \(quoted(written))", "remove it")
    }
    return mailProtocol
  }

  private func readUser() -> String? {
    guard section.has("user") else {
      section.missing("user", example: "\"me@example.org\"")
      return nil
    }
    guard let user = section.string("user") else { return nil }
    guard !user.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
      section.add("user", "\(quoted(user)) has a control character in it", "write the name that the server knows")
      return nil
    }
    return user
  }

  /// The account's own `maildir`, else the configuration's with the account's name.
  private func readMaildir() -> String? {
    if section.has("maildir") { return section.string("maildir").flatMap { absolutePath("maildir", $0) } }
    if let commonMaildir { return places.absolute(name, relativeTo: commonMaildir) }
    section.missing("maildir", example: "\"~/Mail/\(name)\", or maildir = \"~/Mail\" above all accounts")
    return nil
  }

  private func absolutePath(_ key: String, _ written: String) -> String? {
    if let path = places.absolute(written, relativeTo: directory) { return path }
    section.add(key, "the home directory in \(quoted(written)) is not known", "write the whole path, starting with /")
    return nil
  }

  private func readMailboxes() -> MailboxPatterns {
    guard let written = section.strings("mailboxes", example: "[\"*\", \"!Spam\"]") else { return .all }
    let patterns = MailboxPatterns(written)
    for (index, pattern) in patterns.patterns.enumerated() where pattern.text.isEmpty {
      section.problems.add(
        section.path + ["mailboxes", "[\(index)]"], "excludes nothing", "write a name or pattern behind the !")
    }
    if patterns.patterns.allSatisfy(\.excludes) {
      section.add("mailboxes", "only excludes, so it selects no mailbox", "put \"*\" first")
    }
    return patterns
  }

  private func readPush() -> MailboxPatterns {
    MailboxPatterns(section.strings("push", example: "[\"INBOX\"]") ?? ["INBOX"])
  }

  private func readMap(layout: MaildirLayoutName) -> [MailboxName: FolderPath] {
    let example = "{ \"[Gmail]/Sent Mail\" = \"Sent\" }"
    guard let table = section.section("map", example: example) else { return [:] }
    var map: [MailboxName: FolderPath] = [:]
    var mailboxes: [FolderPath: String] = [:]
    for mailbox in table.entries.keys.sorted() {
      guard let written = table.string(mailbox) else { continue }
      let name = MailboxName(mailbox)
      guard let folder = FolderPath(written) else {
        table.add(
          mailbox, "\(quoted(written)) is not a name for a folder",
          "write a relative name as in \"Sent\" or \"Archive/2024\", without . and .. parts")
        continue
      }
      if name.isInbox, layout == .maildirPlusPlus {
        table.add(mailbox, "INBOX is the Maildir itself in the maildir++ layout", "remove it, or use layout = \"fs\"")
      } else if let other = mailboxes[folder] {
        table.add(mailbox, "\(quoted(other)) has the folder \(quoted(written)) already", "give it another folder")
      } else if map[name] != nil {
        table.add(mailbox, "this mailbox has a folder already", "remove one of the two lines")
      }
      mailboxes[folder] = mailbox
      map[name] = folder
    }
    return map
  }

  private func readHold() -> HoldLimits {
    let example = "{ share = 0.2, count = 20, account = 500 }"
    guard let table = section.section("hold", example: example) else { return .standard }
    table.checkNames(ConfigurationKeys.hold, place: "in hold")
    return HoldLimits(
      share: table.fraction("share") ?? HoldLimits.standard.share,
      count: table.integer("count", in: 0...1_000_000_000) ?? HoldLimits.standard.count,
      account: table.integer("account", in: 0...1_000_000_000) ?? HoldLimits.standard.account)
  }
}
