import LinuxFiles
import MailModel
import Maildir
import SyncState

/// Renames the files of messages that another client moved to this mailbox: nothing is fetched, and the row follows
/// (DESIGN.md section 4, "moved"). Order: the row's new place committed, renames, destination synced, source synced,
/// committed.
struct ServerMoveRound: Sendable {
  let account: OpenAccount
  /// Where the messages are now.
  let mailbox: MirroredMailbox

  private static let group = 256
  private var state: AccountState { account.state }
  private var id: Int64 { mailbox.record.id }

  /// A row with its new UID, and where its file is.
  fileprivate struct Move: Sendable {
    var row: MessageRecord
    var uid: UID
    /// The file where a mail program put it; it has no row.
    var stray: LocalFile?
    /// Another base name, where the row's is taken in the new folder.
    var fresh: FileName?

    var source: Int64 { stray?.mailbox ?? row.mailbox }
    var fileName: [UInt8] { stray?.fileName ?? row.fileName }
    var baseName: [UInt8] { stray?.baseName ?? row.baseName }
    var isInCur: Bool { stray?.isInCur ?? row.isInCur }
    var inode: Int64? { stray?.stamp.inode ?? row.stamp?.inode }
  }

  struct Outcome: Sendable {
    /// UIDs that rows have now.
    var followed = UIDSet()
    /// UIDs of messages whose files are missing, but not for long enough yet to say that they were deleted here.
    var waiting = UIDSet()
  }

  /// What is in neither of the results is to be fetched.
  func run(_ moves: [(row: MessageRecord, uid: UID)]) async throws -> Outcome {
    var result = Outcome()
    // The same mailbox has it under another UID.
    let here = moves.filter { $0.row.mailbox == id && !$0.row.pending.contains(.gone) }
    let taken = try await state.takeBack(here.map { (message: $0.row.id, uid: $0.uid) })
    for move in here where taken.contains(move.row.id) { result.followed.insert(move.uid) }
    let located = try await locate(
      moves.filter { $0.row.mailbox != id || $0.row.pending.contains(.gone) }, waiting: &result.waiting)
    for (source, moves) in Dictionary(grouping: located, by: \.source).sorted(by: { $0.key < $1.key }) {
      // A folder that can't be opened keeps its mail; the messages are fetched.
      guard let record = try await state.mailbox(source), let place = try? await account.mirrored(record) else {
        continue
      }
      for start in stride(from: 0, to: moves.count, by: Self.group) {
        let part = Array(moves[start..<min(start + Self.group, moves.count)])
        result.followed = result.followed.union(try await follow(part, from: place))
      }
    }
    return result
  }

  /// Where the files are. One that a mail program moved too is where it put it; one that it deleted is forgotten, and
  /// its message is fetched to where the server has it. Which of the two it is shows only when its disappearance has
  /// settled, and when it is known what became of acts about files of its content.
  private func locate(_ moves: [(row: MessageRecord, uid: UID)], waiting: inout UIDSet) async throws -> [Move] {
    var located: [Move] = []
    var taken: Set<ServerIntent.File> = []
    let open = Set(try await state.intents().map(\.digests.content))
    for (row, uid) in moves {
      var move = Move(row: row, uid: uid)
      if row.pending.contains(.gone) {
        guard !open.contains(row.digests.content) else {
          waiting.insert(uid)
          continue
        }
        guard let file = try await stray(of: row, taken: taken) else {
          if account.hasSettled(row) {
            try await state.dropDeparted([.movedThere(row, to: mailbox.record.name)], now: account.now())
          } else {
            waiting.insert(uid)
          }
          continue
        }
        taken.insert(file.key)
        move.stray = file
      }
      if move.source != id, try await state.isTaken(move.baseName, in: id) {
        move.fresh = BaseNames.baseName(unique: account.names.next(), size: row.diskSize)
      }
      located.append(move)
    }
    return located
  }

  private func stray(of row: MessageRecord, taken: Set<ServerIntent.File>) async throws -> LocalFile? {
    guard account.settings.policy.direction == .twoWay else { return nil }
    let files = try await state.strays(contents: [row.digests.content]).filter { file in
      file.refused == nil && !taken.contains(file.key)
    }
    // As many of them as other messages of this content miss their files are those messages'.
    let others = try await state.missing().count { $0.id != row.id && $0.digests.content == row.digests.content }
    return files.first { $0.stamp.inode == row.stamp?.inode } ?? files.first { $0.baseName == row.baseName }
      ?? files.dropFirst(others).first
  }

  // MARK: Renames

  private func follow(_ moves: [Move], from source: MirroredMailbox) async throws -> UIDSet {
    let mailbox = mailbox
    let possible = try await account.pool.run {
      try moves.compactMap { move in try mailbox.plan(move, from: source).map { (move: move, place: $0) } }
    }
    let taken = try await state.intendMoves(possible.map { move, place in place.intent(move, to: mailbox.record.id) })
    let planned = possible.filter { taken.contains($0.move.row.id) }
    let renamed: [(move: Move, outcome: Result<ScanEntry?, any Error>)]
    do {
      renamed = try await account.pool.run {
        let renamed = planned.map { move, place in
          (move: move, outcome: Result { try mailbox.rename(move, place, from: source) })
        }
        try mailbox.folder.syncDirectories([.new, .cur], source: false)
        try source.folder.syncDirectories([.new, .cur], source: false)
        return renamed
      }
    } catch {
      // What is durable is not known: the account stops and looks again.
      account.pipeline.fail(error)
      throw error
    }
    var settled: [SettledDelivery] = []
    var failed: [Int64] = []
    var followed = UIDSet()
    var changes: [MessageChange] = []
    var trouble: (any Error)?
    for (move, outcome) in renamed {
      if case .failure(let error) = outcome { trouble = trouble ?? error }
      guard case .success(let entry?) = outcome else {
        failed.append(move.row.id)
        continue
      }
      var pending = move.row.pending.subtracting([.gone, .flags])
      let local = source.localFlags(of: move)
      if local != move.row.flags { pending.insert(.flags) }
      settled.append(try SettledDelivery(move.row, entry, pending: pending))
      followed.insert(move.uid)
      changes.append(
        mailbox.change(
          .moved, uid: move.uid, fileName: entry.name.bytes, isInCur: entry.subdirectory == .cur, flags: local,
          in: account.settings))
    }
    try await state.settleMoves(settled, now: account.now())
    try await state.revertMoves(failed, at: account.clock.now().total)
    if !settled.isEmpty { account.copyHabits.note(.init(source: source.record.id, target: id), isMove: true) }
    account.report(changes)
    // Nothing is fetched instead: the next round tries again.
    if let trouble { throw trouble }
    return followed
  }

  /// What an earlier run left between a row's new place and its rename: done where the file is there, else not.
  func recover(_ rows: [MessageRecord]) async throws {
    let folder = mailbox.folder
    let found = try await account.pool.run { try folder.files(named: Set(rows.map(\.baseName))) }
    guard found.isComplete else { throw MaildirError.restless(path: folder.cur.path) }
    var settled: [SettledDelivery] = []
    var failed: [Int64] = []
    for row in rows {
      let here = found.entries[row.baseName] ?? []
      let entry = try await account.pool.run {
        try here.first { $0.status.map { FileStamp($0).inode == row.stamp?.inode } ?? false }
          ?? here.first { try folder.content(of: $0)?.digests.content == row.digests.content }
      }
      if let entry {
        try await removeLeftover(of: row, now: entry)
        let name = entry.parsed
        let isChanged = mailbox.keywords.flags(of: name, unlettered: row.unlettered, base: row.flags) != row.flags
        let pending = row.pending.subtracting([.gone, .flags]).union(isChanged ? .flags : [])
        settled.append(try SettledDelivery(row, entry, pending: pending))
      } else {
        failed.append(row.id)
      }
    }
    try await account.pool.run { try folder.syncDirectories([.new, .cur], source: false) }
    try await state.settleMoves(settled, now: account.now())
    try await state.revertMoves(failed, at: account.clock.now().total)
  }

  /// A power cut may leave a file under the name that it had as well, since two directories are not written at once.
  private func removeLeftover(of row: MessageRecord, now entry: ScanEntry) async throws {
    guard let source = row.movedFrom, source != id, let record = try await state.mailbox(source),
      let place = try? await account.mirrored(record)
    else { return }
    let folder = place.folder
    let leftovers = try await account.pool.run {
      let found = try folder.files(named: [row.baseName])
      guard found.isComplete else { throw MaildirError.restless(path: folder.cur.path) }
      return try (found.entries[row.baseName] ?? []).filter {
        try folder.content(of: $0)?.digests.content == row.digests.content
      }
    }
    for leftover in leftovers {
      guard let status = leftover.status, status.identity == entry.status?.identity else {
        try await account.setAside(leftover, in: folder, of: record, reason: "left behind by a move that was cut")
        continue
      }
      // Its only name: somebody has moved it back.
      if status.links == 1 { continue }
      try await account.pool.run {
        try folder[leftover.subdirectory].unlink(leftover.name, label: "moved on the server")
        try folder[leftover.subdirectory].sync()
      }
    }
  }

  /// Where a file is, and what it will be called.
  fileprivate struct Place: Sendable {
    var entry: ScanEntry
    var target: ScanEntry
    var unlettered: [String]

    fileprivate func intent(_ move: Move, to destination: Int64) -> MoveOnServer {
      MoveOnServer(
        message: move.row.id, source: move.source, destination: destination, uid: move.uid,
        baseName: target.parsed.base.bytes, fileName: target.name.bytes, isInCur: target.subdirectory == .cur,
        inode: move.inode ?? 0, unlettered: unlettered, stray: move.stray)
    }
  }
}

extension MirroredMailbox {
  /// The flags of a file of this folder, with those keywords that have no letter here.
  fileprivate func localFlags(of move: ServerMoveRound.Move) -> FlagSet {
    guard let name = FileName(bytes: move.fileName).map(MessageFileName.init(parsing:)) else { return move.row.flags }
    return keywords.flags(of: name, unlettered: move.row.unlettered, base: move.row.flags)
  }

  /// Nil where the file is not there any more.
  fileprivate func plan(
    _ move: ServerMoveRound.Move, from source: MirroredMailbox
  ) throws -> ServerMoveRound.Place? {
    guard let entry = try source.folder.find(move) else { return nil }
    return try plan(move, entry, from: source)
  }

  private func plan(
    _ move: ServerMoveRound.Move, _ entry: ScanEntry, from source: MirroredMailbox
  ) throws -> ServerMoveRound.Place {
    let flags = source.keywords.flags(of: entry.parsed, unlettered: move.row.unlettered, base: move.row.flags)
    let letters = try keywords.letters(for: flags.keywords)
    let name =
      move.fresh.map { MessageFileName(base: $0, flags: flags.system, keywordLetters: letters) }
      ?? entry.parsed.with(flags: flags.system, keywordLetters: letters)
    let isNew = entry.subdirectory == .new && name.letters.isEmpty
    return ServerMoveRound.Place(
      entry: entry,
      target: ScanEntry(
        name: isNew ? name.fileName : name.fileNameInCur, subdirectory: isNew ? .new : .cur, status: nil),
      unlettered: keywords.unlettered(flags.keywords, letters: name.keywordLetters))
  }

  /// Nil where the file is not there any more.
  fileprivate func rename(
    _ move: ServerMoveRound.Move, _ place: ServerMoveRound.Place, from source: MirroredMailbox
  ) throws -> ScanEntry? {
    var place = place
    for _ in 0..<3 {
      let target = place.target
      do {
        if source.record.id == record.id, place.entry.name == target.name,
          place.entry.subdirectory == target.subdirectory
        {
          return place.entry
        }
        try source.folder[place.entry.subdirectory].rename(
          place.entry.name, to: folder[target.subdirectory], as: target.name, label: "moved on the server")
        // Where another program was as quick, the next scan finds its name.
        let status = try folder[target.subdirectory].status(of: target.name) ?? place.entry.status
        return ScanEntry(name: target.name, subdirectory: target.subdirectory, status: status)
      } catch let error as FileError where error.isMissing {
        // Another program gave it other flags in between.
        guard let entry = try source.folder.find(move) else { return nil }
        place = try plan(move, entry, from: source)
      }
    }
    return nil
  }
}

extension MaildirFolder {
  /// The file that a row or a scan knows, under the name that it has now.
  fileprivate func find(_ move: ServerMoveRound.Move) throws -> ScanEntry? {
    guard let name = FileName(bytes: move.fileName), let base = FileName(bytes: move.baseName) else { return nil }
    let place: Subdirectory = move.isInCur ? .cur : .new
    if let status = try self[place].status(of: name), FileStamp(status).inode == move.inode {
      return ScanEntry(name: name, subdirectory: place, status: status)
    }
    return try find(base: base).first { entry in
      entry.status.map { FileStamp($0).inode == move.inode } ?? false
    }
  }
}
