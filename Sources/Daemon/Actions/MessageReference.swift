import Configuration

/// A message as a person names it (INTERFACE: MESSAGE).
package enum MessageReference: Equatable, Sendable {
  /// A file in a folder of the account: the folder as the state names it, and the file's name.
  case file(account: String, folder: String, name: String)
  /// Its name in quarantine; the account where it was told.
  case quarantined(entry: String, account: String?)
  case uid(account: String, mailbox: String, UInt32)
  case messageID(String)

  /// Nil for what is none of these, or a file of no account.
  package init?(_ text: String, in configuration: MirrorConfiguration) {
    if text.hasPrefix("<"), text.hasSuffix(">") {
      self = .messageID(text)
    } else if text.hasPrefix("/") {
      self.init(path: text, in: configuration)
    } else if Self.isEntry(text) {
      self = .quarantined(entry: text, account: nil)
    } else {
      self.init(place: text, in: configuration)
    }
  }

  /// `1790000000.5f0c9a...`
  private static func isEntry(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 2 && !parts[0].isEmpty && parts[0].allSatisfy(\.isNumber) && parts[1].count == 24
      && parts[1].allSatisfy(\.isHexDigit)
  }

  private init?(path: String, in configuration: MirrorConfiguration) {
    let quarantine = "\(configuration.stateDirectory)/quarantine/"
    if path.hasPrefix(quarantine) {
      let parts = path.dropFirst(quarantine.count).split(separator: "/").map(String.init)
      guard parts.count == 2, Self.isEntry(parts[1]) else { return nil }
      self = .quarantined(entry: parts[1], account: parts[0])
      return
    }
    guard let account = configuration.accounts.first(where: { path.hasPrefix($0.maildir + "/") }) else { return nil }
    var parts = path.dropFirst(account.maildir.count + 1).split(separator: "/").map(String.init)
    guard let name = parts.popLast(), let part = parts.popLast(), ["cur", "new"].contains(part) else { return nil }
    self = .file(account: account.name, folder: parts.joined(separator: "/"), name: name)
  }

  /// `work/Lists/swift:4711`
  private init?(place text: String, in configuration: MirrorConfiguration) {
    guard let colon = text.lastIndex(of: ":"), let uid = UInt32(text[text.index(after: colon)...]), uid > 0 else {
      return nil
    }
    let place = AccountArgument(String(text[..<colon]))
    guard let mailbox = place.mailbox, configuration.account(named: place.account) != nil else { return nil }
    self = .uid(account: place.account, mailbox: mailbox, uid)
  }
}
