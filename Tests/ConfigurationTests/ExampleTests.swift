import Configuration
import Foundation
import Testing

/// `config.example.toml` promises to have every key that works.
@Suite struct ExampleTests {
  private static let ofPOP3 = ["retention", "size_limit", "order", "session_limit", "deliver_to"]
  private let text: String

  init() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    text = try String(contentsOf: root.appending(path: "config.example.toml"), encoding: .utf8)
  }

  /// The keys, active or as comments, above and below the account's heading.
  private func keys() -> (top: Set<String>, account: Set<String>) {
    let parts = text.split(separator: "[accounts.work]", maxSplits: 1)
    func keys(in part: Substring) -> Set<String> {
      Set(
        part.split(separator: "\n").compactMap { line in
          line.firstMatch(of: #/^#?([a-z0-9_]+) = /#).map { String($0.1) }
        }
      )
    }
    return (keys(in: parts[0]), keys(in: parts.count > 1 ? parts[1] : ""))
  }

  @Test func itLoads() throws {
    let configuration = try parse(text)
    #expect(configuration.accounts.map(\.name) == ["work"])
    #expect(configuration.accounts.first?.maildir == "/home/me/Mail/work")
  }

  @Test func itHasEveryKeyThatWorksAndNoOther() {
    let (top, account) = keys()
    let supportedAtTop = Set(ConfigurationKeys.top.filter(\.isSupported).map(\.name)).subtracting(["accounts"])
    #expect(top == supportedAtTop)
    #expect(account == Set(ConfigurationKeys.account.filter(\.isSupported).map(\.name)))
    for key in ConfigurationKeys.hold { #expect(text.contains(key.name + " = ")) }
  }

  @Test func everyCommentedKeyLoadsInItsPlace() {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let commented = lines.indices.filter { lines[$0].firstMatch(of: #/^#[a-z0-9_]+ = /#) != nil }
    #expect(commented.count > 15)
    for index in commented {
      var changed = lines
      changed[index].removeFirst()
      if Self.ofPOP3.contains(where: { changed[index].hasPrefix($0 + " = ") }) {
        changed = changed.map { $0 == #"protocol = "imap""# ? #"protocol = "pop3""# : $0 }
      }
      if changed[index].hasPrefix("password_") || changed[index].hasPrefix("oauth2") {
        for other in changed.indices where changed[other].hasPrefix("password_command") { changed[other] = "" }
      }
      if changed[index].hasPrefix("tunnel") {
        for other in changed.indices where changed[other].hasPrefix("host") { changed[other] = "" }
      }
      // Each of the two needs the other.
      if changed[index].hasPrefix("tls_client_certificate") { changed[index + 1].removeFirst() }
      if changed[index].hasPrefix("tls_client_key") { changed[index - 1].removeFirst() }
      #expect(problems(changed.joined(separator: "\n")) == [], "\(changed[index])")
    }
  }
}
