import MailModel

/// What a POP3 account does with its maildrop.
package struct DrainConfiguration: Equatable, Sendable {
  /// How long a message stays on the server.
  package enum Retention: Equatable, Sendable {
    /// Until it is durable here.
    case delete
    case keep
    /// From first sight.
    case age(Duration)
  }

  package enum Order: String, CaseIterable, Sendable { case newest, oldest }

  package var retention: Retention
  /// Octets; nil for no limit.
  package var sizeLimit: Int64?
  package var order: Order
  /// Messages in a session; 0 for no limit.
  package var sessionLimit: Int
  /// As the person writes it: `INBOX`, `Archive/2026`.
  package var deliverTo: MailboxName
  /// What is deleted here is deleted on the server.
  package var deletesOnServer: Bool

  package init(
    retention: Retention, sizeLimit: Int64?, order: Order, sessionLimit: Int, deliverTo: MailboxName,
    deletesOnServer: Bool
  ) {
    self.retention = retention
    self.sizeLimit = sizeLimit
    self.order = order
    self.sessionLimit = sessionLimit
    self.deliverTo = deliverTo
    self.deletesOnServer = deletesOnServer
  }
}

/// Reads the keys that only a POP3 account has.
struct DrainSection {
  let section: ConfigurationSection
  let user: String?

  func read() -> DrainConfiguration {
    DrainConfiguration(
      retention: readRetention(), sizeLimit: readSizeLimit(),
      order: section.word("order", DrainConfiguration.Order.self) ?? .newest,
      sessionLimit: section.integer("session_limit", in: 0...1_000_000_000) ?? 0, deliverTo: readDeliverTo(),
      deletesOnServer: readDeletion())
  }

  /// Gmail's way to let several programs read the last 30 days: a DELE of one would take the message from all.
  private var isWithoutDeletion: Bool { user?.asciiLowercased().hasPrefix("recent:") ?? false }

  private func readRetention() -> DrainConfiguration.Retention {
    guard let written = section.string("retention") else { return isWithoutDeletion ? .keep : .delete }
    if isWithoutDeletion, written != "keep" {
      section.add(
        "retention", "\(quoted(written)) would take messages from all programs that read with \"recent:\"",
        "write \"keep\", or remove \"recent:\" from user")
      return .keep
    }
    switch written {
    case "delete": return .delete
    case "keep": return .keep
    default:
      guard let seconds = WrittenDuration.seconds(written), seconds > 0 else {
        section.add(
          "retention", "\(quoted(written)) is not a value that it can have",
          "write \"delete\", \"keep\" or how long a message stays on the server, as in \"14d\"")
        return .delete
      }
      return .age(.seconds(seconds))
    }
  }

  private func readSizeLimit() -> Int64? {
    guard let written = section.string("size_limit") else { return nil }
    guard let octets = WrittenSize.octets(written), octets > 0 else {
      section.add(
        "size_limit", "\(quoted(written)) is not a size", "write a number with kB, MB or GB, as in \"50MB\"")
      return nil
    }
    return octets
  }

  private func readDeliverTo() -> MailboxName {
    guard let written = section.string("deliver_to") else { return .inbox }
    guard let folder = FolderPath(written) else {
      section.add(
        "deliver_to", "\(quoted(written)) is not a name for a folder",
        "write a relative name as in \"INBOX\" or \"Archive/2024\", without . and .. parts")
      return .inbox
    }
    return MailboxName(folder.description)
  }

  /// POP3 has one mailbox, and so no Trash.
  private func readDeletion() -> Bool {
    guard let written = section.word("delete_on_server", ServerDeletion.self) else { return false }
    if written == .trash {
      section.add(
        "delete_on_server", "\"trash\" is not possible with POP3, which has one mailbox",
        "write \"expunge\" or \"never\", the default")
    }
    if written == .expunge, isWithoutDeletion {
      section.add(
        "delete_on_server", "\"expunge\" would take messages from all programs that read with \"recent:\"",
        "write \"never\", the default, or remove \"recent:\" from user")
    }
    return written == .expunge
  }
}
