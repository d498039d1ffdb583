/// The parameters of the interface's replies that are no value by themselves.
package enum Reply {
  package struct Empty: Codable, Sendable {
    package init() {}
  }

  package struct Information: Codable, Equatable, Sendable {
    package var vendor: String
    package var product: String
    package var version: String
    package var url: String
    package var interfaces: [String]

    package init(vendor: String, product: String, version: String, url: String, interfaces: [String]) {
      self.vendor = vendor
      self.product = product
      self.version = version
      self.url = url
      self.interfaces = interfaces
    }
  }

  package struct Description: Codable, Sendable {
    package var description: String

    package init(description: String) { self.description = description }
  }

  package struct Mailboxes: Codable, Sendable {
    package var mailboxes: [ListedMailbox]

    package init(mailboxes: [ListedMailbox]) { self.mailboxes = mailboxes }
  }

  /// Progress first, then the results.
  package struct Sync: Codable, Sendable {
    package var progress: ProgressReport?
    package var results: [SyncResult]?

    package init(progress: ProgressReport? = nil, results: [SyncResult]? = nil) {
      self.progress = progress
      self.results = results
    }
  }

  package struct Verify: Codable, Sendable {
    package var results: [VerifyResult]

    package init(results: [VerifyResult]) { self.results = results }
  }

  package struct Holds: Codable, Sendable {
    package var holds: [HeldChanges]

    package init(holds: [HeldChanges]) { self.holds = holds }
  }

  package struct Restorable: Codable, Sendable {
    package var messages: [RestorableMessage]

    package init(messages: [RestorableMessage]) { self.messages = messages }
  }

  package struct Names: Codable, Sendable {
    package var accounts: [String]

    package init(accounts: [String]) { self.accounts = accounts }
  }

  /// Empty for the first reply, which says that the daemon listens.
  package struct Event: Codable, Equatable, Sendable {
    package var change: MailChange?
    package var lost: Int?

    package init(change: MailChange? = nil, lost: Int? = nil) {
      self.change = change
      self.lost = lost
    }
  }

  package struct Metrics: Codable, Sendable {
    package var text: String

    package init(text: String) { self.text = text }
  }
}
