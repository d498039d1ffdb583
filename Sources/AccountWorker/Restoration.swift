import LinuxFiles
import MailModel
import Maildir
import SyncState

/// A message that came back from quarantine.
package struct RestoredMessage: Sendable {
  package var entry: String
  package var mailbox: String
  /// Absolute.
  package var path: String
}

extension AccountWorker {
  /// Brings messages back from quarantine into their folders, by their names there.
  package func restore(_ entries: [String]) async -> (restored: [RestoredMessage], failures: [SyncFailure]) {
    do {
      return try await whileOpen { account in
        var restored: [RestoredMessage] = []
        var failures: [SyncFailure] = []
        for entry in entries {
          do {
            restored.append(try await Restoration(account: account).run(entry))
          } catch {
            let location = "\(account.settings.name):\(entry)"
            let failure = SyncFailure(error, account: account.settings.name, location: location)
            guard failure.scope != .account else { throw failure }
            failures.append(failure)
          }
        }
        return (restored, failures)
      }
    } catch {
      return ([], [SyncFailure(error, account: settings.name, location: settings.name)])
    }
  }
}

/// Brings one message back: a durable file under a name that its entry decides, so that doing it again after an
/// interruption makes no second one; then the state; then the entry goes. A row whose deletion on the server still
/// waits gets its file back, else the file is a new one, which a sync both ways sends.
struct Restoration: Sendable {
  let account: OpenAccount

  func run(_ entry: String) async throws -> RestoredMessage {
    let state = account.state
    guard let record = try await state.quarantined(entry: entry), let name = FileName(record.entry) else {
      throw refusal(entry, "there is no such message in quarantine", "run `mailmirror restore --list`")
    }
    guard let target = try await state.mailboxes().first(where: { $0.name == record.mailbox }) else {
      throw refusal(
        entry, "its mailbox \(record.mailbox) is not mirrored any more",
        "take the file \(account.settings.quarantinePath)/\(entry)")
    }
    let mailbox = try await account.mirrored(target)
    let row = try await state.waitingDeletion(of: record)
    let quarantine = account.quarantine
    let delivered = try await account.pool.run {
      try mailbox.deliver(record, from: quarantine.directory, as: name, base: row?.baseName)
    }
    guard let (found, content) = delivered, let status = found.status else {
      throw refusal(
        entry, "its file is not in \(account.settings.quarantinePath) any more", "it cannot be restored from here")
    }
    let file = LocalFile(
      mailbox: target.id, baseName: found.parsed.base.bytes, fileName: found.name.bytes,
      isInCur: found.subdirectory == .cur, stamp: FileStamp(status), digests: content.digests, isApproved: true)
    try await state.confirmRestored(record, file: file, row: row, now: account.now())
    try await account.pool.run {
      try quarantine.directory.unlink(name, label: "restored")
      try quarantine.sync()
    }
    let change = mailbox.change(
      .new, uid: row?.uid, fileName: file.fileName, isInCur: file.isInCur, flags: record.flags, in: account.settings)
    account.report([change])
    return RestoredMessage(entry: entry, mailbox: record.mailbox.description, path: change.path)
  }

  private func refusal(_ entry: String, _ what: String, _ remedy: String) -> SyncFailure {
    SyncFailure(
      scope: .message, retry: .never, location: "\(account.settings.name):\(entry)", what: what, remedy: remedy)
  }
}

extension MirroredMailbox {
  /// Copies an entry into the folder, durably; nil where its file is gone. What an earlier run delivered is found.
  fileprivate func deliver(
    _ record: QuarantinedRecord, from quarantine: DirectoryHandle, as entry: FileName, base: [UInt8]?
  ) throws -> (entry: ScanEntry, content: MessageContent)? {
    let source: OpenFile
    do { source = try quarantine.openFile(entry) } catch let error as FileError where error.isMissing { return nil }
    let wanted = try MessageContent.reading(source)
    let status = try source.status()
    let base = base.flatMap { FileName(bytes: $0) } ?? BaseNames.baseName(unique: entry, size: status.size)
    if let found = try folder.find(base: base).first(where: { try folder.content(of: $0) == wanted }) {
      try folder.syncDirectories()
      return (found, wanted)
    }
    let temporary = BaseNames.temporaryName(of: base)
    _ = try folder.tmp.unlink(temporary)
    let file = try folder.makeTemporary(temporary)
    do {
      try source.readAll { try file.write($0) }
      try file.setModificationTime(seconds: record.internalDate ?? status.modified.seconds)
      guard try file.finish() == wanted else { throw MaildirError.differs(path: quarantine.path(of: entry)) }
      try file.sync()
      let flags = FileName(bytes: record.fileName).map { MessageFileName(parsing: $0).flags } ?? record.flags.system
      let letters = try keywords.letters(for: record.flags.keywords)
      let published = try folder.publish(file, as: MessageFileName(base: base, flags: flags, keywordLetters: letters))
      try folder.syncDirectories()
      return (published, wanted)
    } catch {
      try? file.discard()
      throw error
    }
  }
}
