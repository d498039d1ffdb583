import Crypto
import LinuxFiles
import Logging
import MailConnections
import MailModel
import Maildir
import NIOCore
import SyncState
import Synchronization

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
}

extension AccountWorker {
  /// Compares the three views of every mailbox and changes nothing; with `full`, every message's bytes as well.
  package func verify(full: Bool) async -> (reports: [VerificationReport], failures: [SyncFailure]) {
    var reports: [VerificationReport] = []
    var failures: [SyncFailure] = []
    do {
      let meter = ProgressMeter(account: settings.name) { _ in }
      guard AccountState.exists(at: settings.statePath) else {
        throw SyncFailure(
          scope: .account, retry: .never, location: settings.name, what: "nothing has been mirrored yet",
          remedy: "run `mailmirror sync \(settings.name)` first")
      }
      let (account, lock) = try await AccountOpening(
        settings: settings, pool: resources.pool, clock: resources.clock, logger: resources.logger
      ).open(meter: meter)
      let connection = try await ConnectionSource(settings: settings, resources: resources).open()
      for record in try await account.state.mailboxes() {
        let location = "\(settings.name)/\(record.name)"
        do {
          let mailbox = try await account.mirrored(record)
          reports.append(
            try await Verification(account: account, connection: connection, mailbox: mailbox, isFull: full).run())
        } catch {
          let failure = SyncFailure(error, account: settings.name, location: location)
          failures.append(failure)
          if failure.scope == .account || !connection.isOpen { break }
        }
      }
      await connection.logout()
      try await account.state.close()
      withExtendedLifetime(lock) {}
    } catch {
      failures.append(SyncFailure(error, account: settings.name, location: settings.name))
    }
    return (reports, failures)
  }
}

/// Compares one mailbox on the server with its rows and its files.
struct Verification: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection
  let mailbox: MirroredMailbox
  let isFull: Bool

  /// More lines than this help nobody.
  private static let limit = 50

  func run() async throws -> VerificationReport {
    let record = mailbox.record
    var report = VerificationReport(mailbox: mailbox.location)
    let selection = try await connection.select(record.name, readOnly: true, resync: nil) { _ in }
    let listing = try await connection.existingUIDs()
    let known = try await account.state.uids(of: record.id)
    let unfetched = try await account.state.unfetched(in: record.id)
    report.onServer = listing.uids.count
    report.inState = known.count
    func differ(_ line: String) { if report.differences.count < Self.limit { report.differences.append(line) } }
    func explain(_ line: String) { if report.explained.count < Self.limit { report.explained.append(line) } }

    if let validity = selection.uidValidity, let recorded = record.uidValidity, validity != recorded {
      differ("the server's UIDVALIDITY is \(validity), the state's \(recorded); the next sync matches by content")
      return report
    }
    for message in unfetched { explain("UID \(message.uid): not fetched: \(message.reason)") }
    let missing = listing.uids.subtracting(known).subtracting(UIDSet(unfetched.map(\.uid)))
    if !missing.isEmpty { differ("\(missing.count) messages on the server have not been fetched: UID \(missing)") }
    let gone = known.subtracting(listing.uids)
    if !gone.isEmpty { differ("\(gone.count) messages are no longer on the server: UID \(gone)") }
    let kept = try await account.state.uids(of: record.id, isRemote: false)
    if !kept.isEmpty { explain("\(kept.count) messages are kept here although the server no longer has them") }

    let files = try await filesByBaseName()
    report.inFolder = files.count
    var claimed = 0
    var last: Int64 = 0
    while true {
      let page = try await account.state.page(of: record.id, after: last)
      guard let end = page.last else { break }
      last = end.id
      for row in page {
        let uid = row.uid.map { "UID \($0)" } ?? "a message without a UID"
        if row.state != .present { differ("\(uid): an earlier run ended between intent and end; run a sync") }
        guard let entry = files[row.baseName] else {
          if row.pending.contains(.gone) {
            explain("\(uid): removed from the folder here")
          } else {
            differ("\(uid): its file is missing")
          }
          continue
        }
        claimed += 1
        if row.pending.contains(.content) {
          explain("\(uid): its file was changed here")
        } else if isFull {
          let folder = mailbox.folder
          let content = try await account.pool.run { try folder.content(of: entry) }
          if content?.digests != row.digests { differ("\(uid): its file has other content than was fetched") }
        } else if let size = entry.status?.size, size != row.diskSize {
          differ("\(uid): its file has \(size) bytes, not \(row.diskSize)")
        }
        if row.pending.contains(.flags) { explain("\(uid): its flags were changed here") }
      }
    }
    if files.count > claimed {
      explain("\(files.count - claimed) files in the folder were put there by other programs")
    }
    if isFull { for line in try await compareWithServer(known.intersection(listing.uids)) { differ(line) } }
    return report
  }

  private func filesByBaseName() async throws -> [[UInt8]: ScanEntry] {
    let folder = mailbox.folder
    return try await account.pool.run {
      var files: [[UInt8]: ScanEntry] = [:]
      try folder.scan(withStatus: true) { entries in for entry in entries { files[entry.parsed.base.bytes] = entry } }
      return files
    }
  }

  /// Fetches every body and compares its digest with the recorded one.
  private func compareWithServer(_ uids: UIDSet) async throws -> [String] {
    var lines: [String] = []
    for part in uids.batches(of: 1_000) {
      let receiver = DigestReceiver()
      let outcome = try await connection.fetchMessages(part.batches(of: 100), into: receiver)
      let rows = try await account.state.messages(Array(part), of: mailbox.record.id)
      let digests = receiver.digests
      for uid in part where lines.count < Self.limit {
        guard let digest = digests[uid] else {
          if outcome.delivered.contains(uid) { continue }
          lines.append("UID \(uid): the server does not give it now")
          continue
        }
        if rows[uid]?.digests.content != digest { lines.append("UID \(uid): the server has other bytes now") }
      }
    }
    return lines
  }
}

/// Takes messages only to hash them.
private final class DigestReceiver: MessageReceiver {
  private let found = Mutex<[UID: Digest]>([:])
  var digests: [UID: Digest] { found.withLock { $0 } }

  func begin(announcedSize: UInt64) -> (any MessageSink)? { Sink(self) }

  private final class Sink: MessageSink {
    private let receiver: DigestReceiver
    private let hasher = Mutex<ContentHasher?>(ContentHasher())

    init(_ receiver: DigestReceiver) { self.receiver = receiver }

    func receive(_ bytes: ByteBuffer, release: @escaping @Sendable () -> Void) {
      hasher.withLock { hasher in bytes.withUnsafeReadableBytes { hasher?.update($0) } }
      release()
    }

    func finish(_ attributes: MessageAttributes, received: ReceivedBody) {
      let content = hasher.withLock { hasher -> MessageContent? in
        guard let taken = hasher.take() else { return nil }
        return taken.finish()
      }
      guard let uid = attributes.uid, let content else { return }
      receiver.found.withLock { $0[uid] = content.digests.content }
    }

    func abort(_ error: any Error) {}
  }
}
