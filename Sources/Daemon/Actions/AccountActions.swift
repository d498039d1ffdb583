import AccountWorker
import Configuration
import ControlProtocol
import SyncState

/// What is asked of accounts where no daemon runs, and what a daemon reads from disk.
package enum AccountActions {
  package static func sync(
    _ selected: SelectedAccount, in runtime: MirrorRuntime, dryRun: Bool,
    progress: @escaping @Sendable (ProgressReport) -> Void
  ) async -> SyncResult {
    let changes = selected.account.onChange == nil ? nil : ChangeCollection()
    let worker = AccountWorker(
      runtime.settings(selected.account), resources: runtime.resources, observer: { progress(ProgressReport($0)) },
      report: { changes?.add($0) })
    let outcome = await worker.sync(only: selected.mailboxes, dryRun: dryRun)
    if let words = selected.account.onChange, let changes {
      let runner = HookRunner(
        account: selected.account.name, command: runtime.hook(words, of: runtime.configuration),
        logger: runtime.resources.logger)
      await runner.add(await changes.told(by: runtime.resources.pool))
      await runner.finish()
    }
    return SyncResult(outcome, isDryRun: dryRun)
  }

  package static func status(of configuration: MirrorConfiguration) async throws -> StatusReport {
    var accounts: [StatusReport.Account] = []
    for account in configuration.accounts {
      let path = "\(configuration.stateDirectory)/\(account.name).sqlite"
      guard AccountState.exists(at: path) else {
        accounts.append(StatusReport.Account(name: account.name, state: .new))
        continue
      }
      do {
        let state = try AccountState.openReadOnly(at: path)
        accounts.append(
          StatusReport.Account(name: account.name, summary: try await state.summary(), holds: try await state.holds()))
      } catch let error as StateError {
        accounts.append(
          StatusReport.Account(
            name: account.name, state: .stopped,
            error: .init(what: "\(error.path): \(error.what)", remedy: error.remedy)))
      }
    }
    return StatusReport(accounts: accounts)
  }

  package static func mailboxes(
    of account: AccountConfiguration, in configuration: MirrorConfiguration
  ) async throws(ControlError) -> [ListedMailbox] {
    let path = "\(configuration.stateDirectory)/\(account.name).sqlite"
    guard AccountState.exists(at: path) else {
      throw .failed(
        location: account.name, what: "nothing has been mirrored yet", remedy: "run mailmirror sync \(account.name)")
    }
    do {
      return try await AccountState.openReadOnly(at: path).summary().mailboxes.map { mailbox in
        ListedMailbox(
          account: account.name, name: mailbox.record.name.description, wire: wireText(mailbox.record.name.wire),
          folder: mailbox.record.folder.isEmpty ? "." : mailbox.record.folder, messages: mailbox.messages)
      }
    } catch let error as StateError {
      throw .failed(location: account.name, what: "\(error.path): \(error.what)", remedy: error.remedy)
    } catch {
      throw .failed(location: account.name, what: "\(path): \(error)", remedy: "try again")
    }
  }

  package static func verify(
    _ account: AccountConfiguration, in runtime: MirrorRuntime, full: Bool, repair: Bool
  ) async -> VerifyResult {
    let found = await AccountWorker(runtime.settings(account), resources: runtime.resources).verify(
      full: full, repair: repair)
    return VerifyResult(account: account.name, found.reports, found.failures)
  }

  /// Takes over a Maildir that another program made; no daemon needs to know of it before it is there.
  package static func adopt(
    _ account: AccountConfiguration, from directory: String?, in runtime: MirrorRuntime, dryRun: Bool
  ) async -> AdoptResult {
    let settings = runtime.settings(account)
    let worker = AccountWorker(settings, resources: runtime.resources)
    switch await worker.adopt(from: directory ?? settings.root, dryRun: dryRun) {
    case .success(let report):
      return AdoptResult(
        account: account.name, root: report.root, origin: report.origin, folders: report.folders,
        messages: report.messages, adopted: report.isAdopted)
    case .failure(let failure): return AdoptResult(account: account.name, failure: failure.description)
    }
  }

  private static func wireText(_ bytes: [UInt8]) -> String {
    bytes.map { byte in
      if (0x20...0x7E).contains(byte) { return String(UnicodeScalar(byte)) }
      let digits = String(byte, radix: 16, uppercase: true)
      return "\\x" + (digits.count == 1 ? "0" : "") + digits
    }.joined()
  }
}

extension ProgressReport {
  package init(_ progress: SyncProgress) {
    self.init(
      account: progress.account, mailbox: progress.mailbox, messagesDone: progress.messagesDone,
      messagesTotal: progress.messagesTotal, octets: progress.octets, sent: progress.messagesSent,
      toSend: progress.messagesToSend, mailboxesDone: progress.mailboxesDone, mailboxesTotal: progress.mailboxesTotal)
  }
}

extension SyncResult {
  package init(_ outcome: SyncOutcome, isDryRun: Bool) {
    self.init(account: outcome.account, failures: outcome.failures.map(\.description))
    delivered = outcome.delivered
    flagsChanged = outcome.flagsChanged
    quarantined = outcome.quarantined
    uploaded = outcome.uploaded
    moved = outcome.moved
    deleted = outcome.deleted
    flagsStored = outcome.flagsStored
    octets = outcome.octets
    mailboxes = outcome.mailboxes
    pendingLocal = outcome.pendingLocal
    holds = outcome.holds
    if isDryRun {
      planned =
        outcome.folderPlans.map(\.description) + outcome.plans.filter { !$0.isEmpty }.map(\.description)
        + outcome.drains.filter { !$0.isEmpty }.map(\.description)
    }
    notices = outcome.notices
  }
}

extension VerifyResult {
  init(account: String, _ reports: [VerificationReport], _ failures: [SyncFailure]) {
    self.init(
      account: account,
      mailboxes: reports.map {
        .init(
          name: $0.mailbox, onServer: $0.onServer, inState: $0.inState, inFolder: $0.inFolder,
          differences: $0.differences, explained: $0.explained, repaired: $0.repaired)
      }, failures: failures.map(\.description))
  }
}

extension StatusReport.Account {
  package init(name: String, summary: AccountSummary, holds: [HoldRecord]) {
    let mailboxes = summary.mailboxes.map { mailbox -> StatusReport.Mailbox in
      let record = mailbox.record
      let isHeld = holds.contains { $0.mailbox == record.id }
      let state: StatusReport.State =
        record.problem != nil ? .failing : isHeld ? .held : record.lastSuccess == nil ? .new : .ok
      var reason = record.problem.map { "\($0.what); \($0.remedy)" }
      if reason == nil, mailbox.unfetched > 0 { reason = "\(counted(mailbox.unfetched, "message")) cannot be fetched" }
      if reason == nil, record.unlisted > 0 { reason = "the server does not list it any more" }
      return StatusReport.Mailbox(
        name: record.name.description, folder: record.folder.isEmpty ? "." : record.folder, state: state,
        messages: mailbox.messages, unseen: mailbox.unseen, pendingLocal: mailbox.pendingLocal,
        lastSuccess: record.lastSuccess.map(timestamp), reason: reason)
    }
    let isFailing = summary.problem != nil || mailboxes.contains { $0.state == .failing }
    self.init(
      name: name,
      state: isFailing ? .failing : !holds.isEmpty ? .held : summary.lastSuccess == nil ? .new : .ok,
      lastSuccess: summary.lastSuccess.map(timestamp),
      error: summary.problem.map { StatusReport.Problem(what: $0.what, remedy: $0.remedy) }, mailboxes: mailboxes,
      maildrop: summary.maildrop.map {
        StatusReport.Maildrop(left: $0.left, drained: $0.drained, tooLarge: $0.tooLarge)
      },
      holds: holds.map {
        StatusReport.Hold(
          hold: "\(name):\($0.id)", mailbox: $0.name.description,
          what: HoldWords($0.kind, messages: $0.messages).what, messages: $0.messages, reason: $0.reason,
          since: timestamp($0.since))
      }, quarantined: summary.quarantined, rebuilt: summary.rebuilt.map(timestamp))
  }
}
