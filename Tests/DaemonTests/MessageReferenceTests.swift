import Configuration
import Daemon
import Foundation
import Testing

/// MESSAGE, as commands and clients name one.
@Suite struct MessageReferenceTests {
  private static func configuration() throws -> MirrorConfiguration {
    let directory = try scratchDirectory()
    let file = directory + "/config.toml"
    let text = """
      maildir = "/mail"
      state_dir = "/state"
      [accounts.work]
      protocol = "imap"
      host = "localhost"
      user = "me"
      password_env = "P"
      [accounts.inner]
      protocol = "imap"
      host = "localhost"
      user = "me"
      password_env = "P"
      maildir = "/inner"
      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    return try MirrorConfiguration.load(option: file, places: ConfigurationPlaces(environment: ["HOME": directory]))
  }

  @Test(arguments: [
    ("<a@example.org>", MessageReference.messageID("<a@example.org>")),
    ("/mail/work/cur/1:2,S", .file(account: "work", folder: "", name: "1:2,S")),
    ("/mail/work/.Lists.swift/new/1", .file(account: "work", folder: ".Lists.swift", name: "1")),
    ("/inner/a/b/cur/1", .file(account: "inner", folder: "a/b", name: "1")),
    ("work/INBOX:7", .uid(account: "work", mailbox: "INBOX", 7)),
    ("work/Lists/a:b:4294967295", .uid(account: "work", mailbox: "Lists/a:b", .max)),
    (
      "1790000000.0123456789abcdef01234567",
      .quarantined(entry: "1790000000.0123456789abcdef01234567", account: nil)
    ),
    (
      "/state/quarantine/work/1790000000.0123456789abcdef01234567",
      .quarantined(entry: "1790000000.0123456789abcdef01234567", account: "work")
    ),
  ])
  func reads(_ text: String, _ expected: MessageReference) throws {
    #expect(MessageReference(text, in: try Self.configuration()) == expected)
  }

  @Test(arguments: [
    "", "work", "work:7", "work/INBOX", "work/INBOX:0", "work/INBOX:x", "work/INBOX:4294967296", "nobody/INBOX:1",
    "/elsewhere/cur/1", "/mail/work/tmp/1", "/mail/work/1", "/state/quarantine/work/../x", "17.short",
  ])
  func refuses(_ text: String) throws {
    #expect(MessageReference(text, in: try Self.configuration()) == nil)
  }
}
