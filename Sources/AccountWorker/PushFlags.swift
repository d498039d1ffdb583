import IMAPProtocol
import MailConnections
import MailModel
import SyncPlanner
import SyncState

/// Stores flags and keywords that were changed in the folder: one command for all messages with the same change, and
/// with CONDSTORE only where the server's flags are those that we know.
struct PushFlags: Sendable {
  let target: PushTarget

  /// What is to be added and removed on the server.
  private struct Change: Hashable {
    var adding: FlagSet
    var removing: FlagSet
  }

  private var state: AccountState { target.state }

  func run() async throws -> PushRound.Result {
    var result = PushRound.Result()
    var rows = try await state.pending(.flags, in: target.id)
    guard !rows.isEmpty else { return result }
    let clearing = rows.filter { !$0.isApproved && !change(of: $0).removing.isEmpty }
    if !clearing.isEmpty, let notice = try await hold(clearing) {
      result.notices.append(notice)
      let held = Set(clearing.map(\.id))
      rows.removeAll { held.contains($0.id) }
    }
    try await settleUnsendable(&rows)
    for (change, rows) in Dictionary(grouping: rows, by: { sendable(change(of: $0)) }) {
      result.add(try await store(change, rows))
    }
    return result
  }

  /// Holds the rows where they are too many; else they are counted. One mailbox of the account at a time.
  private func hold(_ clearing: [MessageRecord]) async throws -> SyncFailure? {
    let gate = target.account.clearingGate
    await gate.enter()
    do {
      let notice = try await holdAlone(clearing)
      await gate.leave()
      return notice
    } catch {
      await gate.leave()
      throw error
    }
  }

  private func holdAlone(_ clearing: [MessageRecord]) async throws -> SyncFailure? {
    let (verdict, size) = try await target.verdict(.flagsCleared, clearing.count)
    if case .held(let reason) = verdict {
      return try await target.hold(clearing.map(\.id), kind: "flags", reason: reason)
    }
    try await state.count(.flagsCleared, clearing.count, in: target.id, folderSize: size, now: target.account.now())
    return nil
  }

  private func change(of row: MessageRecord) -> Change {
    let local = target.mailbox.localFlags(row)
    return Change(adding: local.subtracting(row.flags), removing: row.flags.subtracting(local))
  }

  /// Only what the mailbox can store for good: `PERMANENTFLAGS` (RFC 3501 section 7.1).
  private func sendable(_ change: Change) -> Change {
    var adding = target.selection.storable(change.adding)
    // Gmail expunges by itself what is marked as deleted: the mark stays here, and the message goes when its file does.
    if target.connection.capabilities.hasGmailExtensions { adding.system.remove(.deleted) }
    return Change(adding: adding, removing: target.selection.storable(change.removing))
  }

  /// Changes of which nothing can be stored stay in the folder and are not looked at again until the flags change.
  private func settleUnsendable(_ rows: inout [MessageRecord]) async throws {
    let nothing = rows.filter { row in
      let change = sendable(change(of: row))
      return change.adding.isEmpty && change.removing.isEmpty
    }
    try await state.setUnsendable(
      nothing.filter { change(of: $0) != Change(adding: FlagSet(), removing: FlagSet()) }.map(\.id))
    let even = nothing.filter { change(of: $0) == Change(adding: FlagSet(), removing: FlagSet()) }
    try await confirm(even, Change(adding: FlagSet(), removing: FlagSet()))
    let ids = Set(nothing.map(\.id))
    rows.removeAll { ids.contains($0.id) }
  }

  private func store(_ change: Change, _ rows: [MessageRecord]) async throws -> PushRound.Result {
    var result = PushRound.Result()
    var uids = UIDSet(rows.compactMap(\.uid))
    let since = target.connection.capabilities.hasCondStore ? target.selection.highestModSequence : nil
    var isFirst = true
    for (flags, isAdding) in [(change.removing, false), (change.adding, true)] where !flags.isEmpty && !uids.isEmpty {
      // The second of two commands to a message would find it changed, by the first.
      let condition = isFirst ? since : nil
      let outcome =
        isAdding
        ? try await target.connection.storeFlags(uids, adding: flags, unchangedSince: condition)
        : try await target.connection.storeFlags(uids, removing: flags, unchangedSince: condition)
      isFirst = false
      if let refused = outcome.refused {
        result.notices.append(try target.refusal("change flags", refused))
        return result
      }
      uids = uids.subtracting(outcome.modified)
    }
    // What somebody changed meanwhile comes with the next round, and its flags are merged then.
    let stored = rows.filter { $0.uid.map(uids.contains) ?? false }
    try await confirm(stored, change)
    result.flagsStored = stored.count
    return result
  }

  private func confirm(_ rows: [MessageRecord], _ change: Change) async throws {
    try await state.confirmStored(
      rows.map { row in
        let base = row.flags.union(change.adding).subtracting(change.removing)
        let local = target.mailbox.localFlags(row)
        return StoredFlags(
          message: row.id, flags: base,
          unlettered: target.mailbox.keywords.unlettered(base.keywords, letters: target.mailbox.letters(of: row)),
          isUnsendable: local != base, isChanged: !(change.adding.isEmpty && change.removing.isEmpty))
      }, now: target.account.now())
  }
}

extension Selection {
  /// Those of the flags that the mailbox keeps.
  func storable(_ flags: FlagSet) -> FlagSet {
    guard let permanentFlags else { return flags }
    let keywords = flags.keywords.filter { allowsNewKeywords || permanentFlags.contains(keyword: $0) }
    // A system flag of ours that is a keyword on the wire comes with the keywords.
    var system = flags.system.intersection(permanentFlags.system)
    if allowsNewKeywords, flags.system.contains(.forwarded) { system.insert(.forwarded) }
    return FlagSet(system: system, keywords: keywords)
  }
}
