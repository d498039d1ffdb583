import Configuration
import ControlProtocol

/// An account, or one mailbox of it, as the command line names it: `work`, `work/Lists/swift`.
package struct AccountArgument: Hashable, Sendable {
  package let account: String
  /// Everything behind the first slash; nil for the whole account.
  package let mailbox: String?

  package init(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    account = String(parts[0])
    mailbox = parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : nil
  }
}

/// An account to work on, and the mailboxes of it that were named; none means all.
package struct SelectedAccount: Equatable, Sendable {
  package let account: AccountConfiguration
  package var mailboxes: Set<String>
}

extension MirrorConfiguration {
  /// The accounts that were named, in the order of the configuration; all where none was.
  package func select(_ arguments: [String]) throws(ControlError) -> [SelectedAccount] {
    if arguments.isEmpty { return accounts.map { SelectedAccount(account: $0, mailboxes: []) } }
    var whole: Set<String> = []
    var mailboxes: [String: Set<String>] = [:]
    for argument in arguments.map(AccountArgument.init) {
      guard account(named: argument.account) != nil else { throw .noSuchAccount(argument.account) }
      if let mailbox = argument.mailbox {
        mailboxes[argument.account, default: []].insert(mailbox)
      } else {
        whole.insert(argument.account)
      }
    }
    return accounts.compactMap { account in
      if whole.contains(account.name) { return SelectedAccount(account: account, mailboxes: []) }
      return mailboxes[account.name].map { SelectedAccount(account: account, mailboxes: $0) }
    }
  }
}
