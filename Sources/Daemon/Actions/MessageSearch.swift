import Configuration
import ControlProtocol
import Foundation
import LinuxFiles
import MailModel
import Maildir
import SyncState

/// A message that a person's words fit.
struct FoundMessage: Sendable {
  enum Place: Sendable {
    /// It has a file, or a row that misses its file.
    case folder
    case quarantine(QuarantinedRecord)
    /// Only history knows of it.
    case gone
  }

  var account: AccountConfiguration
  var place: Place
  var content: Digest
  var shown: ShownMessage
}

/// Finds messages by what a person calls them, in folders, quarantine and history.
struct MessageSearch: StateReading {
  let configuration: MirrorConfiguration
  let pool: DiskPool

  func find(_ text: String) async throws(ControlError) -> [FoundMessage] {
    guard let reference = MessageReference(text, in: configuration) else {
      throw .failed(
        location: printable(text), what: "this names no message",
        remedy: "give a file's path in a mirrored folder, ACCOUNT/MAILBOX:UID, <Message-ID>, or a name that "
          + "mailmirror restore --list shows")
    }
    var found: [FoundMessage] = []
    for account in configuration.accounts {
      found += try await reading(account) { state in try await find(reference, account, state) } ?? []
    }
    guard !found.isEmpty else {
      throw .failed(
        location: printable(text), what: "there is no such message",
        remedy: "mailmirror history lists what happened lately, mailmirror restore --list what is in quarantine")
    }
    return found
  }

  private func find(
    _ reference: MessageReference, _ account: AccountConfiguration, _ state: AccountState
  ) async throws -> [FoundMessage] {
    switch reference {
    case .file(let name, let folder, let file):
      guard name == account.name else { return [] }
      return try await find(file: file, in: folder, account, state)
    case .uid(let name, let mailbox, let number):
      guard name == account.name, let uid = UID(number) else { return [] }
      return try await find(uid, in: mailbox, account, state)
    case .quarantined(let entry, let name):
      guard name == nil || name == account.name, let record = try await state.quarantined(entry: entry) else {
        return []
      }
      return [quarantined(record, account)]
    case .messageID(let id): return try await find(id, account, state)
    }
  }

  private func find(
    file: String, in folder: String, _ account: AccountConfiguration, _ state: AccountState
  ) async throws -> [FoundMessage] {
    guard let mailbox = try await state.mailboxes().first(where: { $0.folder == folder }),
      let name = FileName(file)
    else { return [] }
    let base = MessageFileName(parsing: name).base.bytes
    let place = MessagePlace(account: account, mailbox: mailbox)
    let rows = try await state.messages(baseNames: [base])[0].filter { $0.mailbox == mailbox.id }
    var found = rows.map { self.found($0, place) }
    found += try await state.localFiles(of: mailbox.id).filter { $0.baseName == base }.map { self.found($0, place) }
    found += try await state.quarantined().filter { record in
      record.mailbox == mailbox.name
        && FileName(bytes: record.fileName).map { MessageFileName(parsing: $0).base.bytes } == base
    }.map { quarantined($0, account) }
    if found.isEmpty, let line = try await state.lastHistory(baseName: base, in: mailbox.name) {
      found += gone(line, account)
    }
    return found
  }

  private func find(
    _ uid: UID, in name: String, _ account: AccountConfiguration, _ state: AccountState
  ) async throws -> [FoundMessage] {
    let mailboxName = MailboxName(name)
    var found: [FoundMessage] = []
    if let mailbox = try await state.mailboxes().first(where: { $0.name.description == name }) {
      let place = MessagePlace(account: account, mailbox: mailbox)
      found += try await state.messages([uid], of: mailbox.id).values.map { self.found($0, place) }
    }
    found += try await state.quarantined().filter { $0.uid == uid && $0.mailbox.description == name }
      .map { quarantined($0, account) }
    if found.isEmpty, let line = try await state.lastHistory(of: uid, in: mailboxName) { found += gone(line, account) }
    return found
  }

  private func found(_ row: MessageRecord, _ place: MessagePlace) -> FoundMessage {
    FoundMessage(account: place.account, place: .folder, content: row.digests.content, shown: place.shown(row))
  }

  private func found(_ file: LocalFile, _ place: MessagePlace) -> FoundMessage {
    FoundMessage(account: place.account, place: .folder, content: file.digests.content, shown: place.shown(file))
  }

  private func gone(_ line: HistoryRecord, _ account: AccountConfiguration) -> [FoundMessage] {
    guard let content = line.contentDigest else { return [] }
    return [
      FoundMessage(
        account: account, place: .gone, content: content,
        shown: ShownMessage(account: account.name, mailbox: line.mailbox.description, uid: line.uid?.value))
    ]
  }

  private func quarantined(_ record: QuarantinedRecord, _ account: AccountConfiguration) -> FoundMessage {
    FoundMessage(
      account: account, place: .quarantine(record), content: record.contentDigest,
      shown: ShownMessage(
        account: account.name, mailbox: record.mailbox.description, uid: record.uid?.value,
        path: quarantinePath(account, record.entry), date: record.internalDate.map(timestamp)))
  }

  // MARK: By Message-ID

  /// No index of it is kept: the headers of all files are read.
  private func find(
    _ id: String, _ account: AccountConfiguration, _ state: AccountState
  ) async throws -> [FoundMessage] {
    var found: [FoundMessage] = []
    for record in try await state.quarantined() {
      let path = quarantinePath(account, record.entry)
      if try await pool.run({ MessageHeading.read(path: path).messageID }) == id {
        found.append(quarantined(record, account))
      }
    }
    for mailbox in try await state.mailboxes() {
      let place = MessagePlace(account: account, mailbox: mailbox)
      let folder = place.folder
      let names = try await pool.run { Self.files(of: folder, withMessageID: id) }
      for name in names {
        let path = name.hasPrefix("cur/") || name.hasPrefix("new/") ? String(name.dropFirst(4)) : name
        found += try await find(file: path, in: mailbox.folder, account, state).filter { message in
          // What was drained has no row any more: history knows its file.
          if case .quarantine = message.place { false } else { true }
        }
      }
    }
    return found
  }

  /// `cur/NAME` and `new/NAME` of files with that Message-ID. Blocks: for the disk threads.
  private static func files(of folder: String, withMessageID id: String) -> [String] {
    ["cur", "new"].flatMap { part -> [String] in
      let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(part)")) ?? []
      return names.filter { MessageHeading.read(path: "\(folder)/\(part)/\($0)").messageID == id }.map {
        "\(part)/\($0)"
      }
    }
  }
}
