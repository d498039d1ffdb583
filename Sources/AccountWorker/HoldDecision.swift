import LinuxFiles
import MailModel
import Maildir
import SyncState

/// A person's word about a hold.
package enum HoldDecision: Sendable {
  /// What it lists may be done.
  case approve
  /// The other side is to be as it was.
  case reject
}

/// What a person's words about holds came to.
package struct DecidedHolds: Sendable {
  package var decided: [HoldRecord] = []
  /// The holds that are left.
  package var remaining: [HoldRecord] = []
  package var failures: [SyncFailure] = []

  package init() {}
}

extension AccountWorker {
  /// Approves or rejects holds by their numbers, or all; the next sync carries it out.
  package func decide(_ decision: HoldDecision, on numbers: Set<Int64>?) async -> DecidedHolds {
    do {
      return try await whileOpen { account in
        var result = DecidedHolds()
        let holds = try await account.state.holds()
        for number in (numbers ?? []).subtracting(holds.map(\.id)).sorted() {
          result.failures.append(.noSuchHold("\(account.settings.name):\(number)"))
        }
        for hold in holds where numbers?.contains(hold.id) ?? true {
          do {
            switch decision {
            case .approve:
              try await account.state.approve(hold, server: account.settings.server, now: account.now())
            case .reject: try await HoldRejection(account: account, hold: hold).run()
            }
            result.decided.append(hold)
          } catch {
            let location = "\(account.settings.name)/\(hold.name)"
            let failure = SyncFailure(error, account: account.settings.name, location: location)
            guard failure.scope != .account else { throw failure }
            result.failures.append(failure)
          }
        }
        result.remaining = try await account.state.holds()
        return result
      }
    } catch {
      var result = DecidedHolds()
      result.failures = [SyncFailure(error, account: settings.name, location: settings.name)]
      return result
    }
  }
}

/// Gives the folder back what the rejected changes took from it, then lets go of the hold. Done again from the start
/// where it was interrupted.
struct HoldRejection: Sendable {
  let account: OpenAccount
  let hold: HoldRecord

  func run() async throws {
    switch HoldKind(rawValue: hold.kind) {
    case .uids, .server: throw nothingToRestore
    case .flags, .pull: try await restoreFiles()
    case .folder: try await makeFolder()
    default: break
    }
    try await account.state.reject(hold, now: account.now())
  }

  private var nothingToRestore: SyncFailure {
    SyncFailure(
      scope: .mailbox, retry: .never, location: "\(account.settings.name)/\(hold.name)",
      what: "this hold cannot be rejected: what the server has cannot be brought back from here",
      remedy: "approve it, or put the server back as it was")
  }

  /// Files get the flags that the server has; edited ones go to quarantine, and the messages are fetched again.
  private func restoreFiles() async throws {
    guard let record = try await account.state.mailbox(hold.mailbox) else { return }
    let mailbox = try await account.mirrored(record)
    var last: Int64 = 0
    while true {
      let rows = try await account.state.heldMessages(of: hold.id, after: last)
      guard let end = rows.last else { return }
      last = end.id
      let flagged = rows.filter { $0.state == .present && $0.pending.contains(.flags) && !$0.pending.contains(.gone) }
      let confirmed = try await account.pool.run {
        var confirmed: [FlagConfirmation] = []
        for row in flagged {
          if let done = try mailbox.carryOut(.setLocalFlags(row.flags, base: row.flags), on: row) {
            confirmed.append(done)
          }
        }
        try mailbox.folder.syncDirectories([.new, .cur], source: false)
        return confirmed
      }
      try await account.state.setFlags(confirmed)
      let edited = rows.filter { $0.state == .present && $0.pending.contains(.content) }.map(\.id)
      guard !edited.isEmpty else { continue }
      try await RemovalRound(account: account, mailbox: mailbox).setAsideDamaged(
        edited, reason: "edited here, which was rejected; fetched again")
    }
  }

  private func makeFolder() async throws {
    guard let record = try await account.state.mailbox(hold.mailbox) else { return }
    let (root, layout) = (account.root, account.settings.layout)
    try await account.pool.run {
      guard let path = FolderPath(bytes: Array(record.folder.utf8)) else {
        throw MaildirError.folderMissing(path: record.folder)
      }
      _ = try MaildirFolder.create(in: root, at: path, layout: layout)
    }
    try await account.state.setScan(nil, of: record.id)
  }
}

extension SyncFailure {
  static func noSuchHold(_ name: String) -> SyncFailure {
    SyncFailure(
      scope: .mailbox, retry: .never, location: name, what: "there is no such hold",
      remedy: "run `mailmirror holds` to see which there are")
  }
}
