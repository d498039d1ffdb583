import Configuration
import Testing

/// A configuration that must be refused, and the very lines that say why.
struct BadConfiguration: CustomTestStringConvertible, Sendable {
  let text: String
  let messages: [String]
  var testDescription: String { messages.first ?? "" }

  init(_ text: String, _ messages: String...) {
    self.text = text
    self.messages = messages
  }
}

@Suite struct BadConfigurationTests {
  private static let top = "maildir = \"/m\"\n"

  static let names: [BadConfiguration] = [
    BadConfiguration("", "config.toml: has no account; add one under a heading such as [accounts.work]"),
    BadConfiguration(
      top + "[accounts]\n", "config.toml:2: accounts: has no account; add one as in [accounts.work]"),
    BadConfiguration(
      top + account().replacing("[accounts.", with: "[acounts."),
      "config.toml: has no account; add one under a heading such as [accounts.work]",
      "config.toml:2: acounts: no such key outside of the accounts; did you mean \"accounts\"?"),
    BadConfiguration(
      top + account("work", "", "prot = 1"),
      "config.toml:8: accounts.work.prot: no such key in an account; did you mean \"port\"?"),
    BadConfiguration(
      top + account("work", "zzzzz = 1"),
      "config.toml:7: accounts.work.zzzzz: no such key in an account; remove it; config.example.toml has all keys"),
    BadConfiguration(
      top + account("work", "hold = { share = 0.1, coumt = 3 }"),
      "config.toml:7: accounts.work.hold.coumt: no such key in hold; did you mean \"count\"?"),
    BadConfiguration(
      top + account("work", "password = \"hunter2\""),
      "config.toml:7: accounts.work.password: a password has no place in the configuration; remove it and name its "
        + "source with password_command, password_file, password_credential or password_env"),
    BadConfiguration(
      top + "socket = 1\n" + account("work", "order = \"newest\"", "bodies = \"all\"", "settle = \"x\""),
      "config.toml:2: socket: must be a string, not a whole number; write it in quotes",
      "config.toml:8: accounts.work.order: not supported in this version; remove it; a later version brings it",
      "config.toml:9: accounts.work.bodies: not supported in this version; remove it; a later version brings it",
      "config.toml:10: accounts.work.settle: \"x\" is not a duration; write a number with s, m, h or d, as in \"10s\""),
    BadConfiguration(
      top + account("\"my work\""),
      "config.toml:2: accounts.\"my work\": not a name for an account; use 1 to 64 letters, digits, - and _, "
        + "as in [accounts.work]"),
    BadConfiguration(
      top + "[accounts]\nwork = 3\n",
      "config.toml:3: accounts.work: must be a table, not a whole number; write it as in [accounts.work]"),
  ]

  static let values: [BadConfiguration] = [
    BadConfiguration(
      top + account(without: ["protocol", "host", "user", "password_env"]),
      "config.toml:2: accounts.work.host: missing; add host = \"imap.example.org\"",
      "config.toml:2: accounts.work.password_command: missing; add password_command = [\"pass\", \"show\", "
        + "\"mail/work\"], or password_file, password_credential, password_env or oauth2",
      "config.toml:2: accounts.work.protocol: missing; add protocol = \"imap\"",
      "config.toml:2: accounts.work.user: missing; add user = \"me@example.org\""),
    BadConfiguration(
      account(),
      "config.toml:1: accounts.work.maildir: missing; add maildir = \"~/Mail/work\", or maildir = \"~/Mail\" above "
        + "all accounts"),
    BadConfiguration(
      top + account(without: ["protocol"], "protocol = \"pop2\""),
      "config.toml:6: accounts.work.protocol: \"pop2\" is not a value that it can have; write \"imap\" or \"pop3\""),
    BadConfiguration(
      top + account("work", "retention = \"keep\"", "auth = [\"apop\"]"),
      "config.toml:7: accounts.work.retention: means nothing with protocol = \"imap\"; remove it",
      "config.toml:8: accounts.work.auth[0]: \"apop\" is a sign-in of POP3; remove it here"),
    BadConfiguration(
      top
        + account(
          without: ["protocol"], "protocol = \"pop3\"", "push = [\"INBOX\"]", "retention = \"for ever\"",
          "size_limit = \"0\"", "deliver_to = \"../x\"", "delete_on_server = \"trash\""),
      "config.toml:7: accounts.work.push: means nothing with protocol = \"pop3\"; remove it",
      "config.toml:8: accounts.work.retention: \"for ever\" is not a value that it can have; write \"delete\", "
        + "\"keep\" or how long a message stays on the server, as in \"14d\"",
      "config.toml:9: accounts.work.size_limit: \"0\" is not a size; write a number with kB, MB or GB, as in \"50MB\"",
      "config.toml:10: accounts.work.deliver_to: \"../x\" is not a name for a folder; write a relative name as in "
        + "\"INBOX\" or \"Archive/2024\", without . and .. parts",
      "config.toml:11: accounts.work.delete_on_server: \"trash\" is not possible with POP3, which has one mailbox; "
        + "write \"expunge\" or \"never\", the default"),
    BadConfiguration(
      top + account(without: ["protocol", "host"], "protocol = \"pop3\"", "preset = \"icloud\""),
      "config.toml:6: accounts.work.preset: \"icloud\" has no POP3; use protocol = \"imap\""),
    BadConfiguration(
      top + account("work", "direction = \"both\""),
      "config.toml:7: accounts.work.direction: \"both\" is not a value that it can have; write \"two-way\" or \"pull\""),
    BadConfiguration(
      top + account("work", "port = \"993\"", "connections = 0", "timeout = 60"),
      "config.toml:7: accounts.work.port: must be a whole number, not a string; write a number from 1 to 65535, "
        + "without quotes",
      "config.toml:8: accounts.work.connections: 0 is out of range; write a number from 1 to 20",
      "config.toml:9: accounts.work.timeout: must be a duration, not a whole number; write it in quotes with its "
        + "unit, as in \"60s\""),
    BadConfiguration(
      top + account("work", "on_change = \"notmuch new\""),
      "config.toml:7: accounts.work.on_change: must be a list of strings, not a string; write it as in [\"notmuch\", "
        + "\"new\"]"),
    BadConfiguration(
      top + account("work", "on_change = [\"notmuch new\"]"),
      "config.toml:7: accounts.work.on_change: \"notmuch new\" is one word, and no shell splits it; write each word "
        + "on its own, as in [\"notmuch\", \"new\"]"),
    BadConfiguration(
      top + account("work", "timeout = \"1 minute\"", "keep_deleted = \"99999999999999999999d\""),
      "config.toml:7: accounts.work.timeout: \"1 minute\" is not a duration; write a number with s, m, h or d, as "
        + "in \"60s\"",
      "config.toml:8: accounts.work.keep_deleted: \"99999999999999999999d\" is not a duration; write a number with "
        + "s, m, h or d, as in \"30d\""),
    BadConfiguration(
      top + account("work", "tls = \"implicitt\"", "layout = \"mbox\"", "subscribed_only = \"yes\""),
      "config.toml:7: accounts.work.tls: \"implicitt\" is not a value that it can have; did you mean \"implicit\"?",
      "config.toml:8: accounts.work.layout: \"mbox\" is not a value that it can have; write \"maildir++\" or \"fs\"",
      "config.toml:9: accounts.work.subscribed_only: must be true or false, not a string; write true or false, "
        + "without quotes"),
    BadConfiguration(
      top + account("work", "auth = [", "  \"plain\",", "  \"scram-sha256\",", "  7,", "]", "mailboxes = \"*\""),
      "config.toml:10: accounts.work.auth[2]: must be a string, not a whole number; write it as in "
        + "[\"scram-sha-256\", \"plain\"]",
      "config.toml:12: accounts.work.mailboxes: must be a list of strings, not a string; write it as in "
        + "[\"*\", \"!Spam\"]"),
    BadConfiguration(
      top + account("work", "auth = [", "  \"plain\",", "  \"scram-sha256\",", "]"),
      "config.toml:9: accounts.work.auth[1]: \"scram-sha256\" is not a value that it can have; did you mean "
        + "\"scram-sha-256\"?"),
    BadConfiguration(
      top + account("work", "mailboxes = [\"!Spam\", \"!\"]", "[accounts.work.hold]", "share = 20", "count = -1"),
      "config.toml:7: accounts.work.mailboxes: only excludes, so it selects no mailbox; put \"*\" first",
      "config.toml:7: accounts.work.mailboxes[1]: excludes nothing; write a name or pattern behind the !",
      "config.toml:9: accounts.work.hold.share: 20.0 is out of range; write a share from 0 to 1; 0.2 is 20 %",
      "config.toml:10: accounts.work.hold.count: -1 is out of range; write a number from 0 to 1000000000"),
    BadConfiguration(
      top + account("work", "map = { A = \"../x\", B = \"S\", C = \"S\", INBOX = \"In\" }"),
      "config.toml:7: accounts.work.map.A: \"../x\" is not a name for a folder; write a relative name as in \"Sent\" "
        + "or \"Archive/2024\", without . and .. parts",
      "config.toml:7: accounts.work.map.C: \"B\" has the folder \"S\" already; give it another folder",
      "config.toml:7: accounts.work.map.INBOX: INBOX is the Maildir itself in the maildir++ layout; remove it, or "
        + "use layout = \"fs\""),
    BadConfiguration(
      "maildir = \"~other/Mail\"\nstate_dir = \"\"\nlog_level = \"verbose\"\n" + account(),
      "config.toml:1: maildir: the home directory in \"~other/Mail\" is not known; write the whole path, starting "
        + "with /",
      "config.toml:2: state_dir: is empty; give it a value or remove it",
      "config.toml:3: log_level: \"verbose\" is not a value that it can have; write \"trace\", \"debug\", \"info\", "
        + "\"notice\", \"warning\", \"error\" or \"critical\"",
      "config.toml:4: accounts.work.maildir: missing; add maildir = \"~/Mail/work\", or maildir = \"~/Mail\" above "
        + "all accounts"),
  ]

  static let security: [BadConfiguration] = [
    BadConfiguration(
      top + account("work", "tls = \"none\""),
      "config.toml:7: accounts.work.tls: \"none\" would send the password and all mail to imap.example.org in the "
        + "clear; use \"implicit\" or \"starttls\"; where that is really wanted, add allow_cleartext = true"),
    BadConfiguration(
      top + account("work", "allow_cleartext = true"),
      "config.toml:7: accounts.work.allow_cleartext: means nothing without tls = \"none\"; remove it"),
    BadConfiguration(
      top + account("work", "tls = \"starttls\"", "allow_cleartext = true"),
      "config.toml:8: accounts.work.allow_cleartext: means nothing without tls = \"none\"; remove it"),
    BadConfiguration(
      top + account("work", "tls = \"none\"", "allow_cleartext = true", "tls_ca_file = \"ca.pem\""),
      "config.toml:9: accounts.work.tls_ca_file: means nothing with tls = \"none\"; remove it, or use tls = "
        + "\"implicit\" or \"starttls\""),
    BadConfiguration(
      top + account("work", "tls_fingerprint = \"sha1:00\""),
      "config.toml:7: accounts.work.tls_fingerprint: \"sha1:00\" is not a SHA-256 fingerprint; write \"sha256:\" and "
        + "64 hexadecimal digits; openssl x509 -fingerprint -sha256 prints them"),
    BadConfiguration(
      top + account(without: ["host"], "host = \"imaps://imap.example.org:993\""),
      "config.toml:6: accounts.work.host: \"imaps://imap.example.org:993\" is not a host; write the name alone, as in "
        + "\"imap.example.org\""),
    BadConfiguration(
      top + account(without: ["host"], "host = \"imap.example.org:993\""),
      "config.toml:6: accounts.work.host: \"imap.example.org:993\" is not a host; write the name alone; the port has "
        + "its own key, port"),
    BadConfiguration(
      top + account("work", "password_file = \"pw\""),
      "config.toml:4: accounts.work.password_env: there is password_file, too; keep one of password_file, password_env"),
    BadConfiguration(
      top + account(without: ["password_env"], "password_env = \"hunter2 is my password\""),
      "config.toml:6: accounts.work.password_env: not the name of a variable; write the name alone, as in "
        + "\"WORK_PASSWORD\""),
    BadConfiguration(
      top + account(without: ["password_env"], "password_command = \"pass show x\""),
      "config.toml:6: accounts.work.password_command: must be a list of strings, not a string; write it as in "
        + "[\"pass\", \"show\", \"mail/work\"]"),
    BadConfiguration(
      top + account(without: ["password_env"], "password_credential = \"../x\""),
      "config.toml:6: accounts.work.password_credential: \"../x\" is not the name of a credential; write the name "
        + "that LoadCredential= gives it; for a path there is password_file"),
    BadConfiguration(
      top + account("work", "map = { \"A\\u0000B\" = \"x\" }"), "config.toml:7: has a NUL in it; remove it"),
  ]

  static let signingIn: [BadConfiguration] = [
    BadConfiguration(
      top + account(without: ["host"], "preset = \"gmial\""),
      "config.toml:6: accounts.work.preset: \"gmial\" is not a value that it can have; did you mean \"gmail\"?"),
    BadConfiguration(
      top + account(without: ["host"], "preset = \"aol\""),
      "config.toml:6: accounts.work.preset: \"aol\" is not a value that it can have; write \"gmail\", \"outlook\", "
        + "\"icloud\", \"yahoo\" or \"fastmail\""),
    BadConfiguration(
      top + account("work", "oauth2 = { token_command = [\"t\"] }"),
      "config.toml:7: accounts.work.oauth2: there is password_env, too; keep one of password_env, oauth2"),
    BadConfiguration(
      top + account(without: ["password_env"], "oauth2 = { provider = \"google\", client_id = \"x\" }"),
      "config.toml:6: accounts.work.oauth2.client_id: not supported in this version; remove it; a later version "
        + "brings it",
      "config.toml:6: accounts.work.oauth2.provider: not supported in this version; remove it; a later version brings it",
      "config.toml:6: accounts.work.oauth2.token_command: missing; add token_command = [\"oama\", \"access\", "
        + "\"me@example.org\"]"),
    BadConfiguration(
      top
        + account(without: ["password_env"], "oauth2 = { token_command = [\"t\"] }", "auth = [\"xoauth2\", \"plain\"]"),
      "config.toml:7: accounts.work.auth[1]: \"plain\" sends a password, and oauth2 gives a token; write \"xoauth2\" or "
        + "\"oauthbearer\", or remove auth"),
    BadConfiguration(
      top + account("work", "auth = [\"oauthbearer\"]"),
      "config.toml:7: accounts.work.auth[0]: \"oauthbearer\" sends a token; add oauth2 = { token_command = [\"oama\", "
        + "\"access\", \"me@example.org\"] } in the place of the password, or remove it here"),
    BadConfiguration(
      top + account(without: ["password_env"], "auth = [\"external\"]"),
      "config.toml:6: accounts.work.auth[0]: \"external\" takes you for who your certificate says; add "
        + "tls_client_certificate and tls_client_key, or remove it here"),
    BadConfiguration(
      top + account("work", "tls_client_certificate = \"me.pem\""),
      "config.toml:2: accounts.work.tls_client_key: missing, where there is tls_client_certificate; name its file, in "
        + "PEM form; both may be in one file"),
    BadConfiguration(
      top + account("work", "tunnel = [\"ssh\", \"x\"]", "port = 1", "tls = \"implicit\"", "allow_cleartext = true"),
      "config.toml:8: accounts.work.port: means nothing with tunnel; remove it",
      "config.toml:9: accounts.work.tls: \"implicit\" is not possible through a tunnel; use \"starttls\" or \"none\", "
        + "the default",
      "config.toml:10: accounts.work.allow_cleartext: means nothing with tunnel; remove it"),
    BadConfiguration(
      top + account("work", "tunnel = [\"ssh\", \"x\"]", "tls_ca_file = \"x\""),
      "config.toml:3: accounts.work.host: means nothing with tunnel; remove it; with tls = \"starttls\" it is the name "
        + "that the certificate is for",
      "config.toml:8: accounts.work.tls_ca_file: means nothing with tls = \"none\"; remove it, or use tls = "
        + "\"starttls\""),
    BadConfiguration(
      top + account(without: ["host"], "tunnel = \"ssh x\""),
      "config.toml:6: accounts.work.tunnel: must be a list of strings, not a string; write it as in [\"ssh\", \"host\", "
        + "\"doveadm\", \"exec\", \"imap\"]"),
    BadConfiguration(
      top + account(without: ["host"], "tunnel = [\"ssh\"]", "tls = \"starttls\""),
      "config.toml:2: accounts.work.host: missing; add host = \"imap.example.org\""),
  ]

  static let paths: [BadConfiguration] = [
    BadConfiguration(
      account("a", "maildir = \"/m/x\"") + account("b", "maildir = \"/m//./x/\""),
      "config.toml:12: accounts.b.maildir: /m/x is the maildir of account a, too; give each its own"),
    BadConfiguration(
      top + account("a", "maildir = \"/m/b/sub\"") + account("b"),
      "config.toml:8: accounts.b.maildir: /m/b and the maildir of account a, /m/b/sub, lie one in the other; give "
        + "each its own"),
    BadConfiguration(
      top + "state_dir = \"/m/work/.state\"\n" + account(),
      "config.toml:2: state_dir: the state directory /m/work/.state lies in the maildir of account work; put one of "
        + "them elsewhere"),
    BadConfiguration(
      "state_dir = \"/s\"\n" + account("work", "maildir = \"/s/quarantine/work\""),
      "config.toml:7: accounts.work.maildir: /s/quarantine/work lies in the quarantine of the state directory; put "
        + "it elsewhere"),
  ]

  @Test(arguments: names + values + security + signingIn + paths) func saysWhatIsWrong(_ bad: BadConfiguration) {
    #expect(problems(bad.text) == bad.messages)
  }

  @Test func aSyntaxErrorHasItsLine() {
    let found = problems("maildir = \"/m\"\n\n[accounts.work\nhost = 1\n")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("config.toml:3: not valid TOML: ") == true)
    #expect(found.first?.hasSuffix("; correct this line or the one before it") == true)
    #expect(problems("maildir = \"/m\"\nmaildir = \"/n\"\n").first?.hasPrefix("config.toml:2: not valid TOML") == true)
  }

  @Test(arguments: ["a = [ }", "a = [ 1, }", "a = {b = [}}", "[x]\na = [[1], { c = [ # ]\n }"])
  func aBraceInAListIsReported(text: String) {
    let line = text.split(separator: "\n").count
    #expect(problems(text) == ["config.toml:\(line): not valid TOML: a } in a list; close the list with ] before it"])
  }

  @Test(arguments: ["[.a]", "[[ =", "[\u{7}]", "[é]"]) func aHeadingWithoutANameIsReported(text: String) {
    let message = "not valid TOML: a heading that starts with no name; write it as in [accounts.work]"
    #expect(problems("a = 1\n" + text) == ["config.toml:2: " + message])
  }

  @Test func aNULEndsNothingEarly() {
    #expect(problems("maildir = \"/m\"\n\u{0}") == ["config.toml: has a NUL in it; save it as plain UTF-8 text"])
  }

  @Test func noSecretIsRepeated() {
    let texts = [
      account("work", "password = \"hunter2\""), account(without: ["password_env"], "password_env = \"hunter2 x\""),
      account("work", "pasword_comand = \"hunter2\""), account("work", "oauth2 = { client_secret = \"hunter2\" }"),
    ]
    for text in texts { #expect(!problems(text).joined().contains("hunter2")) }
  }

  @Test(arguments: 0..<500) func noTextMakesItTrap(seed: Int) {
    var random = SplitMix(seed: UInt64(seed))
    var bytes = Array((Self.top + account("work", "hold = { share = 0.1 }", "auth = [ \"plain\", ]")).utf8)
    let noise = Array("[]{}\"'\\=.,#\n u0-+_e1t:".utf8)
    for _ in 0..<Int.random(in: 1...6, using: &random) {
      let index = Int.random(in: bytes.indices, using: &random)
      if Bool.random(using: &random) {
        bytes.remove(at: index)
      } else {
        bytes.insert(noise.randomElement(using: &random) ?? 0, at: index)
      }
    }
    for problem in problems(String(decoding: bytes, as: UTF8.self)) { #expect(!problem.isEmpty) }
  }
}
