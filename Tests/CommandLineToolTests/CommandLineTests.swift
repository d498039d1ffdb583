import CommandLineTool
import Configuration
import Daemon
import Foundation
import Testing

@Suite struct CommandLineTests {
  private func run(_ arguments: String..., configuration: String? = nil) async throws -> CommandExit {
    let path = FileManager.default.temporaryDirectory.appending(path: "mailmirror-\(UUID().uuidString).toml").path
    if let configuration {
      try configuration.write(toFile: path, atomically: true, encoding: .utf8)
    }
    defer { try? FileManager.default.removeItem(atPath: path) }
    return await runMailmirror(arguments.map { $0 == "FILE" ? path : $0 })
  }

  private let good = """
    maildir = "/m"
    state_dir = "/s"
    [accounts.work]
    protocol = "imap"
    host = "imap.example.org"
    user = "me"
    password_env = "PW"
    """

  @Test func exitStatus() async throws {
    #expect(try await run("check", "--config", "FILE", configuration: good) == .success)
    #expect(try await run("--config", "FILE", "check", "--verbose", configuration: good) == .success)
    #expect(try await run("check", "--config", "FILE", configuration: good + "\nprot = 1") == .usage)
    #expect(try await run("check", "--config", "FILE") == .usage)
    #expect(try await run("sync", "--config", "FILE", "wrok", configuration: good) == .usage)
    #expect(try await run("sink") == .usage)
    #expect(try await run("sync", "--no-such-option") == .usage)
    for word in ["approve", "reject"] {
      #expect(try await run(word) == .usage)
      #expect(try await run(word, "--all", "work:1") == .usage)
    }
    #expect(try await run("restore") == .usage)
    #expect(try await run("history", "--limit", "0") == .usage)
    #expect(try await run("sync", "--help") == .success)
    #expect(try await run("--version") == .success)
    #expect(try await run() == .success)
  }

  @Test func accountsAreSelected() throws {
    let text = good + good.split(separator: "[accounts.work]").last.map { "\n[accounts.home]" + $0 }!
    let configuration = try MirrorConfiguration.parse(
      text, file: "c.toml", places: ConfigurationPlaces(environment: [:], home: "/home/me"))
    func names(_ arguments: [String]) throws -> [String] {
      try configuration.selectNamed(arguments).map {
        ([$0.account.name] + $0.mailboxes.sorted()).joined(separator: " ")
      }
    }
    #expect(try names([]) == ["work", "home"])
    #expect(try names(["home/INBOX", "work", "home/Lists/swift", "work/X"]) == ["work", "home INBOX Lists/swift"])
    #expect(
      throws: CommandFailure(
        location: "wrok", what: "there is no such account in c.toml", remedy: "did you mean \"work\"?", status: .usage)
    ) { try names(["wrok"]) }
  }
}
