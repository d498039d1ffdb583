import MailModel
import SyncPlanner
import SyncState

/// What a push would do, for a dry run. What a round from the server would change first is not known to it.
struct PushPreview: Sendable {
  let account: OpenAccount
  let mailbox: MirroredMailbox

  private var state: AccountState { account.state }
  private var id: Int64 { mailbox.record.id }

  func plan() async throws -> PushPlan {
    var plan = PushPlan()
    guard account.settings.policy.direction == .twoWay, try await state.needsPush(id) else { return plan }
    let changes = try await LocalChangeReader(account: account, mailbox: id).read()
    let flags = try await state.pending(.flags, in: id)
    let cleared = flags.filter { !$0.isApproved && !$0.flags.subtracting(mailbox.localFlags($0)).isEmpty }
    let names = Dictionary(
      try await state.mailboxes().map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
    for move in changes.moves {
      guard let name = names[move.file.mailbox] else { continue }
      plan.moves[name, default: 0] += 1
    }
    plan.copies = changes.copies.count
    plan.flags = try await held(.flagsCleared, cleared.count, &plan) ? flags.count - cleared.count : flags.count
    plan.replacements = try await state.pending(.content, in: id).count
    let asked = changes.uploads.count { !$0.isApproved }
    plan.uploads = changes.uploads.count - (try await held(.uploads, asked, &plan) ? asked : 0)
    guard account.settings.policy.deleteOnServer != .never else { return plan }
    if account.facts.trash == nil, account.settings.policy.deleteOnServer == .trash, !changes.deletions.isEmpty {
      plan.holds.append("the account has no Trash mailbox for \(changes.deletions.count) deletions")
      return plan
    }
    let deletions = changes.deletions.count { !$0.isApproved }
    plan.deletions = changes.deletions.count - (try await held(.deletionsOnServer, deletions, &plan) ? deletions : 0)
    return plan
  }

  /// Whether so many changes would wait for the person's word, which the plan then says.
  private func held(_ kind: GuardedKind, _ count: Int, _ plan: inout PushPlan) async throws -> Bool {
    let recent = try await state.recent(kind, of: id, now: account.now())
    let size = try await state.messageCount(of: id).remote
    let verdict = SyncPlanner.guardChange(
      GuardedChange(kind), count: count,
      window: RemovalWindow(
        folder: recent.folder, account: recent.account, folderSizeAtStart: recent.sizeAtStart ?? size),
      limits: account.settings.policy.hold, isTrashOrJunk: mailbox.isTrashOrJunk)
    guard case .held(let reason) = verdict else { return false }
    plan.holds.append(reason)
    return true
  }
}

extension GuardedChange {
  init(_ kind: GuardedKind) {
    switch kind {
    case .removalsHere: self = .removalsHere
    case .deletionsOnServer: self = .deletionsOnServer
    case .flagsCleared: self = .flagsCleared
    case .uploads: self = .uploads
    }
  }
}
