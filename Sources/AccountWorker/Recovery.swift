import LinuxFiles
import MailModel
import Maildir
import SyncState

/// Resolves what an earlier run left between an intent and its end (DESIGN.md section 5), before anything else is done
/// with the account. For a delivery, in this order: its base name in its folder with the right content: settled; its
/// file in `tmp/`: finished; its base name, or a file without a row with that content, in another folder: settled as
/// delivered and moved; otherwise it never happened, and the message is fetched again. A rename that followed another
/// client's move is settled where the file is at its new place, else undone. One mailbox's trouble here keeps that mailbox
/// out of the run.
struct Recovery: Sendable {
  let account: OpenAccount

  /// Where a delivery's file was found.
  private struct Found {
    var entry: ScanEntry
    var mailbox: Int64
  }

  /// The mailboxes that could not be resolved, with the reason.
  func run() async throws -> [Int64: SyncFailure] {
    let state = account.state
    try await state.setLeftUncertain()
    let deliveries = try await state.unsettled(.intended)
    let removals = try await state.unsettled(.leaving)
    guard !deliveries.isEmpty || !removals.isEmpty else { return [:] }
    var blocked: [Int64: SyncFailure] = [:]
    account.logger.notice(
      "\(account.settings.name): an earlier run ended early; resolving \(deliveries.count + removals.count) messages")
    let records = try await state.mailboxes()
    for record in records {
      let arriving = deliveries.filter { $0.mailbox == record.id }
      let leaving = removals.filter { $0.mailbox == record.id }
      do {
        let moving = arriving.filter { $0.movedFrom != nil }
        let delivered = arriving.filter { $0.movedFrom == nil }
        if !delivered.isEmpty { try await resolve(delivered, of: record, among: records) }
        guard !leaving.isEmpty || !moving.isEmpty else { continue }
        let mailbox = try await account.mirrored(record)
        if !moving.isEmpty { try await ServerMoveRound(account: account, mailbox: mailbox).recover(moving) }
        _ = try await RemovalRound(account: account, mailbox: mailbox).finish(leaving, folderSize: leaving.count)
      } catch {
        var failure = SyncFailure(
          error, account: account.settings.name, location: "\(account.settings.name)/\(record.name)")
        // Nothing would look again before the account is opened anew, so that is what has to happen.
        if case MaildirError.restless = error { failure.scope = .account }
        guard failure.scope != .account else { throw failure }
        blocked[record.id] = failure
      }
    }
    return blocked
  }

  private func resolve(_ rows: [MessageRecord], of record: MailboxRecord, among records: [MailboxRecord]) async throws {
    let folder = try await account.mirrored(record).folder
    var settled: [SettledDelivery] = []
    var forgotten: [Int64] = []
    var lost: [MessageRecord] = []
    let account = self.account
    let (inPlace, others) = try await account.pool.run { try Self.inPlace(rows, folder) }
    for entry in others {
      try await account.setAside(entry, in: folder, of: record, reason: "left incomplete by an earlier run")
    }
    for row in rows {
      if let entry = inPlace[row.id] {
        settled.append(try SettledDelivery(row, entry))
      } else {
        lost.append(row)
      }
    }
    // What is still in tmp/ was never published, so it cannot be elsewhere.
    var unfinished: [MessageRecord] = []
    for row in lost {
      let finished = try await account.pool.run { try Self.finish(row, in: folder) }
      if let finished { settled.append(try SettledDelivery(row, finished)) } else { unfinished.append(row) }
    }
    if !unfinished.isEmpty {
      let elsewhere = try await findElsewhere(unfinished, records: records.filter { $0.id != record.id })
      for row in unfinished {
        if let entry = elsewhere[row.id] {
          // A drained message is the person's to move.
          let isDrained = account.settings.drain != nil
          settled.append(try SettledDelivery(row, entry, pending: isDrained ? [] : .gone))
        } else {
          forgotten.append(row.id)
        }
      }
    }
    try await account.pool.run { try folder.syncDirectories() }
    try await state.settle(settled)
    try await state.forget(forgotten)
  }

  private var state: AccountState { account.state }

  /// The files with the rows' names and content, and those that have a name only: what a power cut left of a file.
  private static func inPlace(
    _ rows: [MessageRecord], _ folder: MaildirFolder
  ) throws -> (found: [Int64: ScanEntry], others: [ScanEntry]) {
    var found: [Int64: ScanEntry] = [:]
    var others: [ScanEntry] = []
    var open = rows
    // A mail program may rename a file before it is read here, and then it is looked for again.
    for _ in 0..<5 {
      let files = try folder.files(named: Set(open.map(\.baseName)))
      guard files.isComplete else { break }
      var renamed: [MessageRecord] = []
      for row in open {
        var rest: [ScanEntry] = []
        var isRenamed = false
        for entry in files.entries[row.baseName] ?? [] {
          guard entry.status?.size == row.diskSize else {
            rest.append(entry)
            continue
          }
          guard let content = try folder.content(of: entry) else {
            isRenamed = true
            continue
          }
          if content.digests == row.digests { found[row.id] = entry } else { rest.append(entry) }
        }
        if found[row.id] == nil, isRenamed { renamed.append(row) }
        if found[row.id] == nil, !isRenamed { others += rest }
      }
      if renamed.isEmpty { return (found, others) }
      open = renamed
    }
    throw MaildirError.restless(path: folder.cur.path)
  }

  /// Deliveries that a mail program moved to another folder before they were settled: by base name, else by content.
  private func findElsewhere(_ rows: [MessageRecord], records: [MailboxRecord]) async throws -> [Int64: ScanEntry] {
    var found: [Int64: ScanEntry] = [:]
    let sizes = Set(rows.map(\.diskSize))
    for record in records {
      let folder: MaildirFolder
      do { folder = try await account.mirrored(record).folder } catch MaildirError.folderMissing { continue }
      let candidates = try await account.pool.run { () -> [(ScanEntry, MessageDigests)] in
        var candidates: [(ScanEntry, MessageDigests)] = []
        let stoodStill = try folder.readStill {
          candidates = []
          try folder.scan(withStatus: true) { entries in
            for entry in entries where sizes.contains(entry.status?.size ?? -1) {
              if let content = try folder.content(of: entry) { candidates.append((entry, content.digests)) }
            }
          }
          return false
        }
        guard stoodStill else { throw MaildirError.restless(path: folder.cur.path) }
        return candidates
      }
      let rowsHere = try await state.messages(baseNames: candidates.map { $0.0.parsed.base.bytes })
      for ((entry, digests), owners) in zip(candidates, rowsHere) {
        let row = rows.first { row in
          found[row.id] == nil && row.digests == digests && owners.allSatisfy { $0.id == row.id }
        }
        if let row { found[row.id] = entry }
      }
    }
    return found
  }

  /// The file still in `tmp/`: made durable and published under the name that the intent gave it.
  private static func finish(_ row: MessageRecord, in folder: MaildirFolder) throws -> ScanEntry? {
    guard let base = FileName(bytes: row.baseName), let name = FileName(bytes: row.fileName),
      let file = try folder.reopenTemporary(for: base)
    else { return nil }
    guard try file.finish().digests == row.digests else {
      try file.discard()
      return nil
    }
    try file.sync()
    do {
      return try folder.publish(file, as: MessageFileName(parsing: name))
    } catch let error as FileError where error.isTaken {
      try file.discard()
      return nil
    }
  }
}

extension SettledDelivery {
  init(_ row: MessageRecord, _ entry: ScanEntry, pending: PendingChanges = []) throws {
    guard let status = entry.status else { throw FileError("stat", entry.name.description, 2) }
    self.init(
      message: row.id, baseName: entry.parsed.base.bytes, fileName: entry.name.bytes,
      isInCur: entry.subdirectory == .cur, stamp: FileStamp(status), pending: pending)
  }
}
