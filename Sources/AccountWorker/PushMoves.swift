import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// Moves messages on the server that a mail program moved to another folder. With MOVE (RFC 6851) in one command; else
/// COPY, and the source goes when the copy is confirmed.
struct PushMoves: Sendable {
  let target: PushTarget

  private static let batch = 100
  private var state: AccountState { target.state }
  private var account: OpenAccount { target.account }

  /// A mail program gave files other names in the same folder: the rows follow, and the server hears nothing.
  func rename(_ renames: [LocalChanges.Move]) async throws {
    try await state.follow(
      renames.compactMap { item in
        guard let uid = item.message.uid else { return nil }
        let local = flags(of: item.file, source: item.message)
        return ConfirmedMove(
          intent: nil, message: item.message.id, file: item.file, uid: uid,
          pending: local == item.message.flags ? [] : .flags, unlettered: item.message.unlettered)
      })
  }

  func run(_ moves: [LocalChanges.Move]) async throws -> PushRound.Result {
    var result = PushRound.Result()
    for (destination, moves) in Dictionary(grouping: moves, by: \.file.mailbox).sorted(by: { $0.key < $1.key }) {
      guard let place = try await MoveDestination.open(destination, target: target) else { continue }
      for start in stride(from: 0, to: moves.count, by: Self.batch) {
        let part = Array(moves[start..<min(start + Self.batch, moves.count)])
        result.add(try await move(part, to: place))
      }
    }
    return result
  }

  private func move(_ moves: [LocalChanges.Move], to place: MoveDestination) async throws -> PushRound.Result {
    var result = PushRound.Result()
    let prepared = try await place.prepare(moves)
    guard !prepared.isEmpty else { return result }
    let intents = try await state.intend(
      prepared.map { item in
        ServerIntent(
          kind: .move, mailbox: place.id, uidValidity: place.validity, uidNext: place.uidNext,
          source: item.message.id, file: .init(baseName: item.file.baseName, inode: item.file.stamp.inode),
          digests: item.message.digests, wireSize: item.message.wireSize)
      }, now: account.now())
    let (ids, ready) = started(intents, prepared)
    guard !ready.isEmpty else { return result }
    let uids = UIDSet(ready.compactMap(\.message.uid))
    let hasMove = target.connection.capabilities.hasMove
    let outcome: CopyOutcome
    do {
      outcome =
        hasMove
        ? try await target.connection.move(uids, to: place.name)
        : try await target.connection.copy(uids, to: place.name)
    } catch {
      try await state.setUncertain(ids, now: account.now())
      throw error
    }
    switch outcome {
    case .refused(let text):
      try await state.dropIntents(ids)
      result.notices.append(try target.refusal("move messages to \(place.name)", text))
    case .done(let mapping):
      var isComplete = true
      var confirmed: [ConfirmedMove] = []
      var given: Set<UID> = []
      for (id, item) in zip(ids, ready) {
        guard let source = item.message.uid, let uid = mapping?.destination(of: source),
          try await place.fits(uid, mapping), given.insert(uid).inserted
        else {
          isComplete = false
          continue
        }
        confirmed.append(self.confirmed(item, intent: id, uid: uid))
      }
      try await state.confirmMoves(
        confirmed, leavesSource: !hasMove, detail: "from \(target.mailbox.record.name)", now: account.now())
      result.moved += confirmed.count
      if !isComplete {
        // A server without UIDPLUS does not tell; what it has now does.
        try await state.setUncertain(ids, now: account.now())
        result.add(
          try await IntentResolution(account: account, connection: target.connection).run(into: place.id))
        try await target.selectAgain()
      }
    }
    return result
  }

  private func confirmed(_ item: LocalChanges.Move, intent: Int64, uid: UID) -> ConfirmedMove {
    let local = flags(of: item.file, source: item.message)
    return ConfirmedMove(
      intent: intent, message: item.message.id, file: item.file, uid: uid,
      pending: local == item.message.flags ? [] : .flags, unlettered: local.keywords)
  }

  /// The flags of a file whose keyword letters were given up on the way, or are those of this folder.
  private func flags(of file: LocalFile, source: MessageRecord) -> FlagSet {
    guard let name = FileName(bytes: file.fileName).map(MessageFileName.init(parsing:)) else { return source.flags }
    let keywords = target.mailbox.localFlags(source).keywords
    if name.keywordLetters.isEmpty { return FlagSet(system: name.flags, keywords: keywords) }
    return target.mailbox.keywords.flags(of: name, unlettered: source.unlettered, base: source.flags)
  }
}

/// The mailbox that messages are moved or copied to, as it stands before.
struct MoveDestination: Sendable {
  let target: PushTarget
  let mailbox: MirroredMailbox
  let validity: UIDValidity
  let uidNext: UInt32

  var id: Int64 { mailbox.record.id }
  var name: MailboxName { mailbox.record.name }

  /// Nil where its own round must speak first: the server has another mailbox of that name, or none, or its folder has
  /// been taken away.
  static func open(_ id: Int64, target: PushTarget) async throws -> MoveDestination? {
    let (account, state) = (target.account, target.state)
    guard let record = try await state.mailbox(id) else { return nil }
    let status: MailboxStatus
    do {
      status = try await target.connection.status(record.name)
    } catch ConnectionError.refused {
      return nil
    }
    guard let validity = status.uidValidity, let next = status.uidNext else { return nil }
    if record.uidValidity == nil { try await state.setValidity(validity, of: id) }
    guard record.uidValidity ?? validity == validity else { return nil }
    do {
      return MoveDestination(
        target: target, mailbox: try await account.mirrored(record), validity: validity, uidNext: next)
    } catch MaildirError.folderMissing {
      return nil
    }
  }

  /// Those of the moves that still stand on disk. What the mail program added to the message is taken off again. Keyword
  /// letters mean something else in another folder, so they are taken off the names; the row tells what they were.
  func prepare(_ moves: [LocalChanges.Move]) async throws -> [LocalChanges.Move] {
    let moves = try await current(moves)
    let folder = mailbox.folder
    let names = target.account.names
    let (ready, replaced) = try await target.account.pool.run {
      var ready: [LocalChanges.Move] = []
      var replaced: [(old: LocalFile, new: LocalFile)] = []
      for var item in moves {
        guard var entry = try folder.entry(of: item.file) else { continue }
        if item.file.digests.content != item.message.digests.content,
          item.file.plain.content == item.message.digests.content,
          let plain = try folder.stripLocalFields(of: entry, unique: names.next()), let status = plain.status
        {
          let old = item.file
          entry = plain
          item.file.stamp = FileStamp(status)
          item.file.digests = item.file.plain
          item.file.baseName = plain.parsed.base.bytes
          item.file.fileName = plain.name.bytes
          replaced.append((old, item.file))
        }
        if !entry.parsed.keywordLetters.isEmpty {
          guard let changed = try folder.changeFlags(of: entry, { $0.keywords = [] }), let status = changed.status
          else { continue }
          item.file.fileName = changed.name.bytes
          item.file.isInCur = changed.subdirectory == .cur
          item.file.stamp = FileStamp(status)
        }
        ready.append(item)
      }
      return (ready, replaced)
    }
    try await target.state.replaceLocalFiles(replaced)
    return ready
  }

  /// With the rows as they are now: flags may have been sent since the changes were read, and a copy on the server takes
  /// those along.
  private func current(_ moves: [LocalChanges.Move]) async throws -> [LocalChanges.Move] {
    let rows = try await target.state.messages(ids: moves.map(\.message.id))
    let byID = Dictionary(rows.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    return moves.compactMap { move in
      guard let row = byID[move.message.id], row.uid == move.message.uid, row.mailbox == move.message.mailbox else {
        return nil
      }
      return LocalChanges.Move(message: row, file: move.file)
    }
  }

  /// Whether a UID that the server gave for a copy may be believed (S10).
  func fits(_ uid: UID, _ mapping: UIDMapping?) async throws -> Bool {
    guard mapping?.uidValidity == validity, uid.value >= uidNext else { return false }
    return try await !target.state.hasRow(uid, in: id)
  }
}

/// The items whose intents are committed, with those.
func started<Item>(_ intents: [Int64?], _ items: [Item]) -> (ids: [Int64], items: [Item]) {
  let begun = zip(intents, items).compactMap { intent, item in intent.map { (id: $0, item: item) } }
  return (begun.map(\.id), begun.map(\.item))
}

extension MaildirFolder {
  /// The file as the scan met it; nil where another program has changed or moved it since.
  func entry(of file: LocalFile) throws -> ScanEntry? {
    guard let name = FileName(bytes: file.fileName) else { return nil }
    let place: Subdirectory = file.isInCur ? .cur : .new
    guard let status = try self[place].status(of: name), status.kind == .regular else { return nil }
    let stamp = FileStamp(status)
    guard stamp.inode == file.stamp.inode, stamp.modified == file.stamp.modified,
      file.digests.content == .zero || stamp.size == file.stamp.size
    else { return nil }
    return ScanEntry(name: name, subdirectory: place, status: status)
  }
}
