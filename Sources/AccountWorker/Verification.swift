import IMAPProtocol
import LinuxFiles
import Logging
import MailConnections
import MailModel
import Maildir
import SyncState

/// What a comparison of server, folder and state found in one mailbox.
package struct VerificationReport: Sendable {
  package var mailbox: String
  package var onServer = 0
  package var inState = 0
  package var inFolder = 0
  /// One line each, for a person.
  package var differences: [String] = []
  /// Differences that have a recorded reason: local changes that wait, messages held or not to be had.
  package var explained: [String] = []
  /// What was mended, where that was asked for.
  package var repaired: [String] = []
}

extension AccountWorker {
  /// Compares the three views of every mailbox; with `full`, every message's bytes as well. Nothing is changed, but with
  /// `repair` what has a safe mend: that is followed by a sync, and what is told is how it stands then.
  package func verify(
    full: Bool, repair: Bool = false
  ) async -> (reports: [VerificationReport], failures: [SyncFailure]) {
    let first = await compare(full: full, repair: repair)
    let repaired = first.reports.filter { !$0.repaired.isEmpty }
    guard !repaired.isEmpty else { return first }
    let outcome = await sync()
    guard outcome.failures.allSatisfy({ $0.scope == .message }) else {
      return (first.reports, first.failures + outcome.failures)
    }
    var second = await compare(full: full, repair: false)
    for report in repaired {
      guard let place = second.reports.firstIndex(where: { $0.mailbox == report.mailbox }) else { continue }
      second.reports[place].repaired = report.repaired
    }
    return second
  }

  private func verify(_ account: OpenAccount, _ drain: DrainSettings, full: Bool) async throws -> VerificationReport {
    let connection = try await POP3Connection.open(
      settings.endpoint, group: resources.group, budget: resources.budget, logger: resources.logger)
    defer { connection.close() }
    return try await DrainVerification(account: account, drain: drain, connection: connection, isFull: full).run()
  }

  private func compare(
    full: Bool, repair: Bool
  ) async -> (reports: [VerificationReport], failures: [SyncFailure]) {
    do {
      return try await whileOpen { account in
        var reports: [VerificationReport] = []
        var failures: [SyncFailure] = []
        let blocked = repair ? try await Recovery(account: account).run() : [:]
        if let drain = settings.drain {
          if let failure = blocked.values.first { throw failure }
          return ([try await verify(account, drain, full: full)], [])
        }
        let connection = try await ConnectionSource(settings: settings, resources: resources).open()
        for record in try await account.state.mailboxes() {
          if let failure = blocked[record.id] {
            failures.append(failure)
            continue
          }
          do {
            let mailbox = try await account.mirrored(record)
            var verification = Verification(account: account, connection: connection, mailbox: mailbox, isFull: full)
            var report = try await verification.run()
            if repair {
              report.repaired = try await VerificationRepair(account: account, mailbox: mailbox)
                .run(verification.mends)
            }
            reports.append(report)
          } catch {
            let failure = SyncFailure(
              error, account: settings.name, location: "\(settings.name)/\(record.name)")
            failures.append(failure)
            if failure.scope == .account || !connection.isOpen { break }
          }
        }
        await connection.logout()
        return (reports, failures)
      }
    } catch {
      return ([], [SyncFailure(error, account: settings.name, location: settings.name)])
    }
  }
}

/// Compares one mailbox on the server with its rows and its files.
struct Verification: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection
  let mailbox: MirroredMailbox
  let isFull: Bool
  /// What was found that has a safe mend.
  private(set) var mends = Mends()
  private var report: VerificationReport

  init(account: OpenAccount, connection: IMAPConnection, mailbox: MirroredMailbox, isFull: Bool) {
    self.account = account
    self.connection = connection
    self.mailbox = mailbox
    self.isFull = isFull
    report = VerificationReport(mailbox: mailbox.location)
  }

  struct Mends: Sendable {
    /// Rows whose file is missing although nobody was seen to remove it.
    var missing: [Int64] = []
    /// Rows whose file has other bytes although no program wrote it.
    var damaged: [Int64] = []
    /// Server and state differ: all is listed again.
    var lists = false
  }

  /// More lines than this help nobody.
  private static let limit = 50

  mutating func run() async throws -> VerificationReport {
    let record = mailbox.record
    let selection = try await connection.select(record.name, readOnly: true, resync: nil) { _ in }
    let listing = try await connection.existingUIDs()
    let known = try await account.state.uids(of: record.id)
    let unfetched = try await account.state.unfetched(in: record.id)
    report.onServer = listing.uids.count
    report.inState = known.count
    if let validity = selection.uidValidity, let recorded = record.uidValidity, validity != recorded {
      differ("the server's UIDVALIDITY is \(validity), the state's \(recorded); the next sync matches by content")
      return report
    }
    for message in unfetched { explain("UID \(message.uid): not fetched: \(message.reason)") }
    let missing = listing.uids.subtracting(known).subtracting(UIDSet(unfetched.map(\.uid)))
    if !missing.isEmpty {
      differ("\(missing.count) messages on the server have not been fetched: UID \(missing)")
      mends.lists = true
    }
    let gone = known.subtracting(listing.uids)
    if !gone.isEmpty {
      differ("\(gone.count) messages are no longer on the server: UID \(gone)")
      mends.lists = true
    }
    let kept = try await account.state.uids(of: record.id, isRemote: false)
    if !kept.isEmpty { explain("\(kept.count) messages are kept here although the server no longer has them") }
    let files = try await filesByBaseName()
    report.inFolder = files.values.reduce(0) { $0 + $1.count }
    var damage: [Int64: String] = [:]
    let claimed = try await compareRows(files, &damage)
    try await explainStrays(report.inFolder - claimed)
    let both = known.intersection(listing.uids)
    try await compareFlags(both)
    if isFull { try await compareContents(both, damage) }
    for line in damage.sorted(by: { $0.key < $1.key }) { differ(line.value) }
    return report
  }

  /// Every message of the server against the recorded content, hence against the file's.
  private mutating func compareContents(_ uids: UIDSet, _ damage: [Int64: String]) async throws {
    let found = try await ContentVerification(account: account, connection: connection, mailbox: mailbox).run(uids)
    for uid in found.withheld { differ("UID \(uid): the server does not give it now") }
    for row in found.different where damage[row.id] == nil {
      differ("\(row.title): the server has other bytes than the file: \(path(row))")
    }
    if found.altered > 0 {
      explain(
        "\(found.altered) files have header fields that another program added or altered; the rest is as on the server")
    }
  }

  private mutating func differ(_ line: String) {
    if report.differences.count < Self.limit { report.differences.append(line) }
  }

  private mutating func explain(_ line: String) {
    if report.explained.count < Self.limit { report.explained.append(line) }
  }

  // MARK: Folder and state

  private func filesByBaseName() async throws -> [[UInt8]: [ScanEntry]] {
    let folder = mailbox.folder
    return try await account.pool.run {
      var files: [[UInt8]: [ScanEntry]] = [:]
      let stoodStill = try folder.readStill {
        files = [:]
        try folder.scan(withStatus: true) { entries in
          for entry in entries { files[entry.parsed.base.bytes, default: []].append(entry) }
        }
        return false
      }
      guard stoodStill else { throw MaildirError.restless(path: folder.cur.path) }
      return files
    }
  }

  /// Returns how many files belong to rows.
  private mutating func compareRows(
    _ files: [[UInt8]: [ScanEntry]], _ damage: inout [Int64: String]
  ) async throws -> Int {
    var claimed = 0
    var last: MessageRecord?
    while true {
      let page = try await account.state.page(of: mailbox.record.id, after: last)
      guard let end = page.last else { return claimed }
      last = end
      for row in page {
        if row.leaving != .none { explain("\(row.title): on its way out of the mailbox") }
        if row.state != .present { differ("\(row.title): an earlier run ended between intent and end; run a sync") }
        let candidates = files[row.baseName] ?? []
        guard
          let entry = candidates.first(where: { $0.status.map { FileStamp($0).inode } == row.stamp?.inode })
            ?? candidates.first
        else {
          if row.pending.contains(.gone) {
            if row.leaving == .none { explain("\(row.title): removed from the folder here") }
          } else {
            differ("\(row.title): its file is missing: \(path(row))")
            if row.isRemote, row.state == .present { mends.missing.append(row.id) }
          }
          continue
        }
        claimed += 1
        try await compare(row, entry, &damage)
      }
    }
  }

  private mutating func compare(
    _ row: MessageRecord, _ entry: ScanEntry, _ damage: inout [Int64: String]
  ) async throws {
    if row.pending.contains(.flags) { explain("\(row.title): its flags were changed here") }
    if row.pending.contains(.content) { return explain("\(row.title): its file was changed here") }
    guard let status = entry.status else { return }
    let stamp = FileStamp(status)
    let isAsRecorded = row.stamp.map { $0.inode == stamp.inode && $0.modified == stamp.modified } ?? false
    if stamp.size != row.diskSize {
      damage[row.id] = "\(row.title): its file has \(stamp.size) bytes, not \(row.diskSize): \(path(row))"
    } else if isFull {
      let folder = mailbox.folder
      let content = try await account.pool.run {
        try folder.content(of: entry)
          ?? folder.find(base: entry.parsed.base).first.flatMap { try folder.content(of: $0) }
      }
      // What goes away meanwhile is not damaged. The row's header is the server's, which another program may have
      // altered here.
      guard let content, content.digests.content != row.digests.content else { return }
      damage[row.id] = "\(row.title): its file has other bytes than were fetched: \(path(row))"
    } else {
      return
    }
    // What a program wrote may be a person's edit: that is for a sync to decide.
    if row.isRemote, row.state == .present, isAsRecorded || stamp.size == 0 { mends.damaged.append(row.id) }
  }

  private func path(_ row: MessageRecord) -> String {
    mailbox.change(
      .changed, uid: row.uid, fileName: row.fileName, isInCur: row.isInCur, flags: row.flags, in: account.settings
    ).path
  }

  /// Files that no row claims, by what is known of them.
  private mutating func explainStrays(_ count: Int) async throws {
    guard count > 0 else { return }
    let files = try await account.state.localFiles(of: mailbox.record.id)
    let refused = Dictionary(grouping: files.filter { $0.refused != nil }, by: { $0.refused ?? "" })
    for (reason, files) in refused.sorted(by: { $0.key < $1.key }) {
      explain("\(files.count) files stay in the folder only: \(reason)")
    }
    let waiting = files.count { $0.refused == nil }
    if waiting > 0 { explain("\(waiting) files in the folder were put there by other programs and have not been sent") }
    if count > files.count {
      explain("\(count - files.count) files in the folder have come since the last sync")
    }
  }

  // MARK: Server and state

  private mutating func compareFlags(_ uids: UIDSet) async throws {
    guard !uids.isEmpty else { return }
    let found = FlagDifferences()
    let (state, id) = (account.state, mailbox.record.id)
    _ = try await connection.fetchAttributes(uids, [.flags]) { batch in
      let rows = try await state.messages(batch.compactMap(\.uid), of: id)
      for message in batch {
        guard let uid = message.uid, let flags = message.flags, let row = rows[uid], row.flags != flags else {
          continue
        }
        await found.add("UID \(uid): the server has the flags \(flags), the state \(row.flags)")
      }
    }
    let lines = await found.lines
    if !lines.isEmpty { mends.lists = true }
    for line in lines.sorted() { differ(line) }
  }
}

extension MessageRecord {
  fileprivate var title: String { uid.map { "UID \($0)" } ?? "a message without a UID" }
}

private actor FlagDifferences {
  private(set) var lines: [String] = []
  func add(_ line: String) { lines.append(line) }
}
