import Configuration
import MailModel
import Testing

@Suite struct GoodConfigurationTests {
  @Test func defaults() throws {
    let configuration = try parse("maildir = \"~/Mail\"\n" + account())
    #expect(configuration.stateDirectory == "/home/me/.local/state/mailmirror")
    #expect(configuration.socketPath == "/home/me/.local/state/mailmirror/control.sock")
    #expect(configuration.logLevel == .info)
    let work = try #require(configuration.account(named: "work"))
    #expect(work.server == ServerConfiguration(host: "imap.example.org", port: 993, tls: .implicit))
    #expect(work.user == "me" && work.password == .environment("PW") && work.mechanisms == nil)
    #expect(work.maildir == "/home/me/Mail/work" && work.layout == .maildirPlusPlus)
    #expect(work.mailboxes == .all && !work.subscribedOnly && work.map.isEmpty)
    #expect(work.direction == .twoWay && work.deleteLocally == .quarantine && work.keepDeleted == .seconds(30 * 86400))
    #expect(work.hold == .standard && work.connections == 4 && work.timeout == .seconds(60) && work.onChange == nil)
  }

  @Test func aDrain() throws {
    let text = "maildir = \"~/Mail\"\n" + account(without: ["protocol"], "protocol = \"pop3\"")
    let plain = try #require(try parse(text).accounts.first)
    #expect(plain.server.port == 995)
    #expect(
      plain.drain
        == DrainConfiguration(
          retention: .delete, sizeLimit: nil, order: .newest, sessionLimit: 0, deliverTo: .inbox,
          deletesOnServer: false))
    let keys = [
      "retention = \"14d\"", "size_limit = \"50MB\"", "order = \"oldest\"", "session_limit = 250",
      "deliver_to = \"Archive/Old\"", "delete_on_server = \"expunge\"", "tls = \"starttls\"",
    ].joined(separator: "\n")
    let whole = try #require(try parse(text + keys + "\n").accounts.first)
    #expect(whole.server.port == 110)
    #expect(
      whole.drain
        == DrainConfiguration(
          retention: .age(.seconds(14 * 86_400)), sizeLimit: 50_000_000, order: .oldest, sessionLimit: 250,
          deliverTo: MailboxName("Archive/Old"), deletesOnServer: true))
    let recent = account(without: ["protocol", "user"], "protocol = \"pop3\"", "user = \"Recent:me@gmail.com\"")
    let gmail = try #require(try parse("maildir = \"~/Mail\"\n" + recent).accounts.first)
    #expect(gmail.drain?.retention == .keep && gmail.drain?.deletesOnServer == false, "others read it as well")
    #expect(
      problems("maildir = \"~/Mail\"\n" + recent + "retention = \"14d\"\ndelete_on_server = \"expunge\"\n").count == 2)
    #expect(try parse("maildir = \"~/Mail\"\n" + account()).accounts.first?.drain == nil)
  }

  @Test func everyKeyIsRead() throws {
    let text = """
      state_dir = "state"
      log_level = "debug"
      """ + "\n"
      + account(
        without: ["host", "password_env"], "host = \"[::1]\"", "port = 1143", "tls = \"none\"",
        "password_command = [\"~/bin/pw\", \"--for\", \"work\"]", "auth = [\"plain\", \"login\"]",
        "maildir = \"../mail\"", "layout = \"fs\"", "mailboxes = [\"*\", \"!Spam\"]", "subscribed_only = true",
        "map = { \"Entwürfe\" = \"Drafts\", inbox = \"In/Box\" }", "direction = \"pull\"",
        "delete_locally = \"never\"", "keep_deleted = \"0\"", "hold.share = 1", "hold.count = 5", "connections = 1",
        "timeout = \"2m\"", "on_change = [\"~/bin/index\", \"--quick\"]")
    let configuration = try MirrorConfiguration.parse(text, file: "/etc/mm/config.toml", places: places)
    #expect(configuration.stateDirectory == "/etc/mm/state" && configuration.logLevel == .debug)
    let work = try #require(configuration.accounts.first)
    #expect(work.server == ServerConfiguration(host: "::1", port: 1143, tls: .none))
    #expect(work.password == .command(["/home/me/bin/pw", "--for", "work"]))
    #expect(work.mechanisms == [.plain, .login])
    #expect(work.maildir == "/etc/mail" && work.layout == .fs && work.subscribedOnly)
    #expect(work.map == [MailboxName("Entwürfe"): FolderPath("Drafts"), .inbox: FolderPath("In/Box")])
    #expect(work.deleteLocally == .never && work.keepDeleted == .zero)
    #expect(work.hold == HoldLimits(share: 1, count: 5, account: 500))
    #expect(work.connections == 1 && work.timeout == .seconds(120))
    #expect(work.onChange == ["/home/me/bin/index", "--quick"])
  }

  @Test func aHookIsAPlainNameOrAPath() throws {
    for (written, read) in [("notmuch", "notmuch"), ("./index", "/etc/mm/index"), ("/bin/x y", "/bin/x y")] {
      let text = "maildir = \"/m\"\n" + account("work", "on_change = [\"\(written)\"]")
      let configuration = try MirrorConfiguration.parse(text, file: "/etc/mm/config.toml", places: places)
      #expect(configuration.accounts.first?.onChange == [read])
    }
  }

  @Test func accountsKeepTheOrderOfTheFile() throws {
    let text = "maildir = \"/m\"\n" + account("zeta") + account("alpha") + account("Mid_1-x")
    #expect(try parse(text).accounts.map(\.name) == ["zeta", "alpha", "Mid_1-x"])
  }

  @Test(arguments: [
    "localhost", "LOCALHOST.", "mail.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "0:0:0:0:0:0:0:1",
  ])
  func loopbackMayGoWithoutTLS(host: String) throws {
    let text = "maildir = \"/m\"\n" + account(without: ["host"], "host = \"\(host)\"", "tls = \"none\"")
    #expect(try parse(text).accounts.first?.server.port == 143)
  }

  @Test(arguments: ["127.0.0.1.example.org", "localhost.example.org", "notlocalhost", "::2", "10.0.0.1", "2130706433"])
  func nothingElseMay(host: String) {
    let text = "maildir = \"/m\"\n" + account(without: ["host"], "host = \"\(host)\"", "tls = \"none\"")
    #expect(problems(text).count == 1)
    #expect(problems(text + "allow_cleartext = true\n").isEmpty)
  }

  @Test func aFingerprintMayHaveColons() throws {
    let pairs = (0..<32).map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
    for separator in ["", ":"] {
      let text = account("work", "tls_fingerprint = \"SHA256:\(pairs.joined(separator: separator))\"")
      #expect(try parse("maildir = \"/m\"\n" + text).accounts.first?.server.fingerprint == (0..<32).map { UInt8($0) })
    }
  }
}

@Suite struct SigningInTests {
  private func read(_ text: String) throws -> AccountConfiguration {
    try #require(try parse("maildir = \"/m\"\n" + text).accounts.first)
  }

  @Test func aPresetFillsInWhatIsNotWritten() throws {
    let gmail = try read(account(without: ["host"], "preset = \"gmail\""))
    #expect(gmail.server == ServerConfiguration(host: "imap.gmail.com", port: 993, tls: .implicit))
    #expect(gmail.mechanisms == nil && gmail.connections == 4)
    let token = account(
      without: ["host", "password_env"], "preset = \"yahoo\"", "oauth2 = { token_command = [\"~/t\", \"x\"] }")
    let yahoo = try read(token)
    #expect(yahoo.password == .tokenCommand(["/home/me/t", "x"]) && yahoo.password.key == "oauth2.token_command")
    #expect(yahoo.mechanisms == [.xoauth2] && yahoo.connections == 2)
    let own = try read(
      token + "host = \"::1\"\nport = 1\ntls = \"starttls\"\nconnections = 9\nauth = [\"oauthbearer\"]\n")
    #expect(own.server == ServerConfiguration(host: "::1", port: 1, tls: .starttls))
    #expect(own.mechanisms == [.oauthbearer] && own.connections == 9)
    #expect(
      problems("maildir = \"/m\"\n" + account(without: ["host"], "preset = \"icloud\"", "tls = \"none\"")).count == 1)
  }

  @Test(arguments: ["gmail", "outlook", "icloud", "yahoo", "fastmail"]) func everyPresetIsWhole(name: String) throws {
    let server = try read(account(without: ["host"], "preset = \"\(name)\"")).server
    #expect(server.port == 993 && server.tls == .implicit && server.host.split(separator: ".").count >= 3)
  }

  @Test func aTunnelNeedsNoHostAndNoPassword() throws {
    let tunnel = account(without: ["host", "password_env"], "tunnel = [\"~/bin/x\", \"a b\"]")
    var read = try read(tunnel)
    #expect(read.server.tunnel == ["/home/me/bin/x", "a b"] && read.server.tls == .none && read.password == .none)
    #expect(read.server.name == "tunnel /home/me/bin/x a b")
    read = try self.read(
      tunnel + "tls = \"starttls\"\nhost = \"a.example\"\npassword_file = \"p\"\ntls_ca_file = \"c\"\n")
    #expect(read.server.host == "a.example" && read.server.tls == .starttls)
  }

  @Test func aCertificateAloneMaySignIn() throws {
    let work = try read(
      account(
        without: ["password_env"], "auth = [\"external\"]", "tls_client_certificate = \"/c.pem\"",
        "tls_client_key = \"~/c.key\""))
    #expect(work.password == .none && work.mechanisms == [.external])
    #expect(work.server.clientCertificate == ClientCertificateFiles(certificate: "/c.pem", key: "/home/me/c.key"))
  }
}

@Suite struct ConfigurationPlacesTests {
  @Test func theFileIsFoundByTheXDGRules() throws {
    func file(_ option: String?, _ environment: [String: String]) -> String? {
      ConfigurationPlaces(environment: environment).configurationFile(option: option)
    }
    let home = ["HOME": "/home/me"]
    #expect(file(nil, home) == "/home/me/.config/mailmirror/config.toml")
    #expect(file(nil, home.merging(["XDG_CONFIG_HOME": "/x"]) { $1 }) == "/x/mailmirror/config.toml")
    #expect(file(nil, home.merging(["XDG_CONFIG_HOME": "x"]) { $1 }) == "/home/me/.config/mailmirror/config.toml")
    #expect(file(nil, home.merging(["MAILMIRROR_CONFIG": "~/c.toml"]) { $1 }) == "/home/me/c.toml")
    #expect(file("/o.toml", home.merging(["MAILMIRROR_CONFIG": "/c.toml"]) { $1 }) == "/o.toml")
    #expect(file("o.toml", home)?.hasSuffix("/o.toml") == true)
    let state = ConfigurationPlaces(environment: home.merging(["XDG_STATE_HOME": "/s/../t"]) { $1 }).stateDirectory
    #expect(state == "/t/mailmirror")
    let runtime = ConfigurationPlaces(environment: home.merging(["XDG_RUNTIME_DIR": "/run/user/7"]) { $1 })
    #expect(runtime.socketPath(stateDirectory: "/s") == "/run/user/7/mailmirror/control.sock")
    #expect(
      try MirrorConfiguration.parse(
        "socket = \"run/s\"\nmaildir = \"/m\"\n" + account(), file: "/etc/mm/config.toml", places: runtime
      ).socketPath == "/etc/mm/run/s")
  }

  @Test func aMissingFileIsOneLine() {
    #expect(
      throws: ConfigurationError([
        ConfigurationProblem(
          file: "/nowhere/c.toml", what: "there is no such file",
          remedy: "write one as config.example.toml shows, or name another with --config")
      ])
    ) { try MirrorConfiguration.load(option: "/nowhere/c.toml", places: places) }
  }
}

@Suite struct MailboxPatternsTests {
  static let cases: [(patterns: [String], separator: Character?, selected: [String], left: [String])] = [
    (["*"], "/", ["INBOX", "a", "a/b", "100% done"], []),
    (["*", "!Spam", "!Archive/*"], "/", ["INBOX", "Archive", "Spam/x"], ["Spam", "Archive/2024", "Archive/a/b"]),
    (["*", "!Archive/*", "Archive/2024"], "/", ["Archive/2024"], ["Archive/2023"]),
    (["INBOX", "Lists/%"], "/", ["INBOX", "Lists/swift"], ["Lists", "Lists/swift/dev", "Inbox2"]),
    (["Lists.%"], ".", ["Lists.swift/dev"], ["Lists.swift.dev"]),
    (["%"], nil, ["a/b", "INBOX"], []),
    (["inbox"], "/", ["INBOX", "inbox"], ["INBOX/x"]),
    (["*a*b*", "!%x"], "/", ["aab/b", "ab/"], ["abx", "ba"]),
    (["Entwürfe"], "/", ["Entwürfe", "Entwu\u{308}rfe"], ["Entwurfe"]),
  ]

  @Test(arguments: cases.indices) func theLastMatchWins(index: Int) {
    let (written, separator, selected, left) = Self.cases[index]
    let patterns = MailboxPatterns(written)
    for name in selected { #expect(patterns.select(MailboxName(name), separator: separator), "\(written) \(name)") }
    for name in left { #expect(!patterns.select(MailboxName(name), separator: separator), "\(written) \(name)") }
  }

  @Test func manyWildcardsTakeNoLonger() {
    let patterns = MailboxPatterns([String(repeating: "*a", count: 200) + "b"])
    #expect(!patterns.select(MailboxName(String(repeating: "a", count: 2000)), separator: "/"))
  }
}

@Suite struct NearestNameTests {
  @Test(
    arguments: [
      ("prot", "port"), ("hots", "host"), ("time_out", "timeout"), ("Connections", "connections"), ("zzz", nil),
      ("", nil),
    ] as [(String, String?)])
  func theLikeliestNameIsOffered(written: String, meant: String?) {
    #expect(nearestName(to: written, among: ConfigurationKeys.account.filter(\.isSupported).map(\.name)) == meant)
  }
}
