import LinuxFiles
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// Brings flags that the server reported into the file names, message by message: plan, rename, then the base moves.
struct FlagRound: Sendable {
  struct Result: Sendable {
    var changed = 0
    /// False where a file was not where it should be: the flags are compared again in the next round.
    var isComplete = true

    mutating func add(_ other: Result) {
      changed += other.changed
      isComplete = isComplete && other.isComplete
    }
  }

  let account: OpenAccount
  let mailbox: MirroredMailbox

  /// How many of the updates would change anything.
  func count(_ updates: [(uid: UID, flags: FlagSet)]) async throws -> Int {
    let rows = try await account.state.messages(updates.map(\.uid), of: mailbox.record.id)
    return updates.count { update in
      rows[update.uid].map { action(for: $0, server: update.flags) != nil } ?? false
    }
  }

  /// Updates for messages without a row are left to their download.
  func apply(_ updates: [(uid: UID, flags: FlagSet)]) async throws -> Result {
    guard !updates.isEmpty else { return Result() }
    let rows = try await account.state.messages(updates.map(\.uid), of: mailbox.record.id)
    // The last word on a message counts.
    let latest = Dictionary(updates.map { ($0.uid, $0.flags) }) { _, later in later }
    let work = latest.compactMap { uid, flags -> (MessageRecord, MessageAction)? in
      guard let row = rows[uid], row.state == .present else { return nil }
      return action(for: row, server: flags).map { (row, $0) }
    }
    guard !work.isEmpty else { return Result() }
    let mailbox = mailbox
    let confirmed = try await account.pool.run {
      var confirmed: [FlagConfirmation] = []
      for (row, action) in work {
        if let confirmation = try mailbox.carryOut(action, on: row) { confirmed.append(confirmation) }
      }
      try mailbox.folder.syncDirectories([.new, .cur], source: false)
      return confirmed
    }
    try await account.state.setFlags(confirmed)
    report(confirmed, of: work.map(\.0))
    return Result(changed: confirmed.count, isComplete: confirmed.count == work.count)
  }

  private func report(_ confirmed: [FlagConfirmation], of rows: [MessageRecord]) {
    let rows = Dictionary(rows.map { ($0.id, $0) }) { first, _ in first }
    account.report(
      confirmed.compactMap { change in
        guard let row = rows[change.message], row.flags != change.flags else { return nil }
        return mailbox.change(
          .changed, uid: row.uid, fileName: change.fileName, isInCur: change.isInCur, flags: change.flags,
          in: account.settings)
      })
  }

  /// Gives letters to keywords that had none when their message came: the list of letters was locked or unreadable
  /// then.
  func letterKeywords() async throws {
    let rows = try await account.state.unlettered(in: mailbox.record.id, limit: 1_000)
    guard !rows.isEmpty else { return }
    let mailbox = mailbox
    let confirmed = try await account.pool.run {
      var confirmed: [FlagConfirmation] = []
      for row in rows { if let confirmation = try mailbox.letter(row) { confirmed.append(confirmation) } }
      if !confirmed.isEmpty { try mailbox.folder.syncDirectories([.new, .cur], source: false) }
      return confirmed
    }
    try await account.state.setFlags(confirmed)
  }

  /// The part of the plan that the server's flags are brought here with; what the folder changed is sent later.
  private func action(for row: MessageRecord, server: FlagSet) -> MessageAction? {
    // A file that is missing may have moved: what its disappearance means is decided when that is settled.
    guard !row.pending.contains(.gone) else { return server == row.flags ? nil : .confirmFlags(base: server) }
    return SyncPlanner.plan(
      server: .present(server), folder: mailbox.localMessage(row), base: row.flags, policy: account.settings.policy
    ).first { action in
      switch action {
      case .setLocalFlags, .confirmFlags: true
      default: false
      }
    }
  }
}

extension MirroredMailbox {
  /// The folder's side of a row, from the name that its file was last seen with.
  func localMessage(_ row: MessageRecord) -> LocalMessage {
    guard !row.pending.contains(.gone) else { return .absent }
    return .present(localFlags(row), contentChanged: row.pending.contains(.content))
  }

  /// The flags in the name, with those keywords of the base that have no letter here.
  func localFlags(_ row: MessageRecord) -> FlagSet {
    guard let name = FileName(bytes: row.fileName).map(MessageFileName.init(parsing:)) else { return row.flags }
    return keywords.flags(of: name, unlettered: row.unlettered, base: row.flags)
  }

  /// Adds letters for the row's unlettered keywords to its file's name; nil where there are none to be had.
  fileprivate func letter(_ row: MessageRecord) throws -> FlagConfirmation? {
    let letters = try keywords.letters(for: row.unlettered)
    guard !letters.isEmpty, let name = FileName(bytes: row.fileName) else { return nil }
    let entry = ScanEntry(name: name, subdirectory: row.isInCur ? .cur : .new, status: nil)
    do {
      guard
        let changed = try folder.changeFlags(
          of: entry, { $0.keywords = Array(Set($0.keywords).union(letters)).sorted() })
      else { return nil }
      return FlagConfirmation(
        message: row.id, flags: row.flags, unlettered: keywords.unlettered(row.unlettered, letters: letters),
        isPending: row.pending.contains(.flags), fileName: changed.name.bytes, isInCur: changed.subdirectory == .cur,
        stamp: changed.status.map { FileStamp($0) })
    } catch MaildirError.messageMissing, MaildirError.restless {
      return nil
    }
  }

  func letters(of row: MessageRecord) -> [UInt8] {
    FileName(bytes: row.fileName).map { MessageFileName(parsing: $0).keywordLetters } ?? []
  }

  /// Renames the file as the action says; nil where it is not there any more, which the next scan looks at.
  func carryOut(_ action: MessageAction, on row: MessageRecord) throws -> FlagConfirmation? {
    func unchanged(_ base: FlagSet, isPending: Bool) -> FlagConfirmation {
      FlagConfirmation(
        message: row.id, flags: base, unlettered: keywords.unlettered(base.keywords, letters: letters(of: row)),
        isPending: isPending, fileName: row.fileName, isInCur: row.isInCur, stamp: nil)
    }
    switch action {
    case .confirmFlags(let base):
      return unchanged(base, isPending: row.pending.contains(.gone) ? false : localFlags(row) != base)
    case .setLocalFlags(let flags, let base):
      guard let name = FileName(bytes: row.fileName) else { return nil }
      let letters = try keywords.letters(for: flags.keywords)
      let removed = Set(keywords.knownLetters(of: row.flags.union(localFlags(row)).keywords)).subtracting(letters)
      let entry = ScanEntry(name: name, subdirectory: row.isInCur ? .cur : .new, status: nil)
      let added = flags.subtracting(localFlags(row)).system
      let dropped = localFlags(row).subtracting(flags).system
      do {
        let changed = try folder.changeFlags(of: entry) { current in
          current.system = current.system.subtracting(dropped).union(added)
          current.keywords = Array(Set(current.keywords).subtracting(removed).union(letters))
        }
        guard let changed else { return unchanged(base, isPending: flags != base) }
        return FlagConfirmation(
          message: row.id, flags: base,
          unlettered: keywords.unlettered(base.keywords, letters: changed.parsed.keywordLetters),
          isPending: flags != base, fileName: changed.name.bytes,
          isInCur: changed.subdirectory == .cur, stamp: changed.status.map { FileStamp($0) })
      } catch MaildirError.messageMissing, MaildirError.restless {
        return nil
      } catch let error as FileError where error.isTaken {
        // Another file has that very name: somebody copied it. Both stay as they are.
        return nil
      }
    default:
      return nil
    }
  }
}
