import IMAPProtocol
import MailModel
import SyncPlanner
import SyncState

/// What a round would do, for a dry run.
extension MailboxRound {
  func planOnly(_ view: RemoteView) async throws -> RoundResult {
    let (state, id) = (account.state, mailbox.record.id)
    let unfetched = UIDSet(try await state.unfetched(in: id).map(\.uid))
    var known = view.known
    var plan = MailboxPlan(mailbox: mailbox.record.name)
    if view.validityChanged, let validity = view.selection.uidValidity {
      if view.exists == 0, !known.isEmpty {
        plan.hold = "the mailbox was made anew on the server and is empty there; its \(known.count) messages stay here"
        return RoundResult(plan: plan)
      }
      try await state.forgetUIDs(of: id, validity: validity)
      known = KnownUIDs()
    }
    let (change, trouble) = try await membership(view, known: known, unfetched: unfetched)
    plan.downloads = change.appeared.union(unfetched)
    plan.removals = change.gone
    let rematch = Rematch(account: account, connection: connection, mailbox: mailbox)
    if try await rematch.isWorthwhile() {
      let found = try await rematch.rehearse(change.appeared)
      plan.matches = found.count
      plan.downloads = plan.downloads.subtracting(found)
    }
    try await endMatching(&plan)
    if let trouble { plan.hold = trouble.what }
    let verdict = try await RemovalRound(account: account, mailbox: mailbox).verdict(
      plan.removals.count, folderSize: try await state.messageCount(of: id).remote)
    if case .held(let reason) = verdict { plan.hold = reason }
    if let updates = view.flags {
      let flags = FlagRound(account: account, mailbox: mailbox)
      for start in stride(from: 0, to: updates.count, by: 500) {
        let slice = updates.slice(start..<Swift.min(start + 500, updates.count))
        plan.flagChanges += try await flags.count(slice)
      }
    }
    return RoundResult(plan: plan)
  }

  /// Files without a counterpart are new ones, but after a lost state.
  private func endMatching(_ plan: inout MailboxPlan) async throws {
    let (state, id) = (account.state, mailbox.record.id)
    guard try await state.unmatchedMailboxes().contains(id) else { return }
    if try await state.rebuilding().isUnderWay {
      plan.unmatched = try await state.localFiles(of: id).count
    } else {
      _ = try await state.endMatching([id])
    }
  }
}
