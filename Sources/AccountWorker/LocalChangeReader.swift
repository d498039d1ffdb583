import MailModel
import SyncPlanner
import SyncState

/// What scans of all folders found that concerns one mailbox, sorted into what is to be done about it.
struct LocalChanges: Sendable {
  struct Move: Sendable {
    var message: MessageRecord
    var file: LocalFile
  }

  /// The file has another base name in the same folder.
  var renames: [Move] = []
  /// Out of this mailbox, into that of the file.
  var moves: [Move] = []
  /// Into this mailbox, from where `message` is.
  var copies: [Move] = []
  var uploads: [LocalFile] = []
  var deletions: [MessageRecord] = []
  /// Their copies went ahead, or an edited version took their place.
  var rests: [MessageRecord] = []
  /// Not missing for long enough yet.
  var waiting = 0
}

/// Reads from the state what the planner needs to tell moves, copies, new files and deletions apart.
struct LocalChangeReader: Sendable {
  let account: OpenAccount
  let mailbox: Int64

  private var state: AccountState { account.state }

  func read() async throws -> LocalChanges {
    // Rows lose and get their UIDs in other mailboxes' turns meanwhile.
    let departed = try await state.departedContents()
    let held = try await state.heldMessages()
    let busy = Set(try await state.intents().filter(\.mayBeDone).compactMap(\.source))
    let missing = try await state.missing().filter { !held.contains($0.id) && !busy.contains($0.id) }
    let files = try await state.strays(in: mailbox)
    let here = missing.filter { $0.mailbox == mailbox }
    var changes = LocalChanges()
    changes.rests = here.filter { $0.leaving != .none }
    let contents = Set((here.map(\.digests) + files.flatMap { [$0.digests, $0.plain] }).filter { $0.content != .zero })
    guard !contents.isEmpty else { return changes }
    let wanted = Set(contents.map(\.content))
    let relevant = missing.filter { $0.leaving == .none && wanted.contains($0.digests.content) }
    let strays = try await state.strays(contents: wanted)
    let present = try await state.present(contents: Set(files.flatMap { [$0.digests, $0.plain] }))
    // A file that only has what mail programs add is the message itself.
    let known = Set((relevant + present).map(\.digests.content))
    let contentOf = { (file: LocalFile) in
      !known.contains(file.digests.content) && known.contains(file.plain.content)
        ? file.plain.content : file.digests.content
    }
    let copied = try await state.copied(relevant.map(\.id))
    let planned = SyncPlanner.localChanges(
      missing: relevant.map { MissingMessage($0, hasCopy: copied.contains($0.id)) },
      strays: strays.map { StrayFile($0, content: contentOf($0)) },
      present: present.map(PresentMessage.init), scanBegan: account.facts.lastCompleteScan ?? 0,
      settle: account.settings.settle.nanoseconds)
    let blocked = try await blockedFiles(strays, departed: departed)
    // A file that waits is still where a message went, so that it is no deletion; but nothing is done with it.
    sort(
      planned.filter { change in
        change.file.map { !blocked.contains(.init(baseName: $0.baseName, inode: $0.inode)) } ?? true
      }, missing: relevant,
      strays: Dictionary(strays.map { (StrayFile($0, content: contentOf($0)), $0) }) { first, _ in first },
      present: present, into: &changes)
    return changes
  }

  /// Files that wait for the first comparison with all that the server has, for the person's word, for news of whether
  /// the server has them already, or of where it has the message that they were moved from.
  private func blockedFiles(_ files: [LocalFile], departed: Set<Digest>) async throws -> Set<ServerIntent.File> {
    let held = try await state.heldFiles()
    // A file of that content may be the one, wherever it is by now; or both sides have moved its message, and the
    // server's place is not known yet. One push of the account runs at a time, so what is open was left by another one.
    let uncertain = Set(try await state.intents().filter(\.mayBeDone).map(\.digests.content))
      .union(departed).union(try await state.departedContents())
    let unmatched = try await state.unmatchedMailboxes()
    return Set(
      files.filter { file in
        unmatched.contains(file.mailbox) || uncertain.contains(file.digests.content)
          || uncertain.contains(file.plain.content)
          || held.contains(.init(baseName: file.baseName, inode: file.stamp.inode))
      }.map { ServerIntent.File(baseName: $0.baseName, inode: $0.stamp.inode) })
  }

  private func sort(
    _ planned: [LocalChange], missing: [MessageRecord], strays files: [StrayFile: LocalFile], present: [MessageRecord],
    into changes: inout LocalChanges
  ) {
    let rows = Dictionary((missing + present).map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    for change in planned {
      switch change {
      case .rename(let message, let stray):
        guard stray.mailbox == mailbox, let row = rows[message], let file = files[stray] else { continue }
        changes.renames.append(.init(message: row, file: file))
      case .move(let message, let stray):
        guard let row = rows[message], row.mailbox == mailbox, let file = files[stray] else { continue }
        changes.moves.append(.init(message: row, file: file))
      case .copy(let message, let stray):
        guard stray.mailbox == mailbox, let row = rows[message], let file = files[stray], file.refused == nil else {
          continue
        }
        changes.copies.append(.init(message: row, file: file))
      case .upload(let stray):
        guard stray.mailbox == mailbox, let file = files[stray], file.refused == nil else { continue }
        changes.uploads.append(file)
      case .delete(let message):
        guard let row = rows[message], row.mailbox == mailbox else { continue }
        changes.deletions.append(row)
      case .expungeRest(let message):
        guard let row = rows[message], row.mailbox == mailbox else { continue }
        changes.rests.append(row)
      case .wait(let message):
        if rows[message]?.mailbox == mailbox { changes.waiting += 1 }
      }
    }
  }
}

extension MissingMessage {
  init(_ row: MessageRecord, hasCopy: Bool) {
    self.init(
      id: row.id, mailbox: row.mailbox, baseName: row.baseName, inode: row.stamp?.inode, content: row.digests.content,
      since: row.missingSince ?? 0, hasCopy: hasCopy, copyOf: row.copyOf, isFrozen: false)
  }
}

extension StrayFile {
  init(_ file: LocalFile, content: Digest) {
    self.init(mailbox: file.mailbox, baseName: file.baseName, inode: file.stamp.inode, content: content)
  }
}

extension PresentMessage {
  init(_ row: MessageRecord) {
    self.init(id: row.id, mailbox: row.mailbox, baseName: row.baseName, content: row.digests.content)
  }
}

extension Duration {
  /// Whole nanoseconds; the largest number for what is longer.
  var nanoseconds: Int64 {
    let (seconds, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : seconds.addingReportingOverflow(components.attoseconds / 1_000_000_000).partialValue
  }
}

extension LocalChange {
  /// The file that it is about.
  fileprivate var file: StrayFile? {
    switch self {
    case .rename(_, let file), .move(_, let file), .copy(_, let file), .upload(let file): file
    case .delete, .expungeRest, .wait: nil
    }
  }
}
