import Configuration
import ControlProtocol
import MailModel
import SyncState

/// Where a mailbox's messages are, for showing them to a person.
struct MessagePlace: Sendable {
  let account: AccountConfiguration
  let mailbox: MailboxRecord

  var folder: String { mailbox.folder.isEmpty ? account.maildir : "\(account.maildir)/\(mailbox.folder)" }

  private func path(_ fileName: [UInt8], isInCur: Bool) -> String {
    "\(folder)/\(isInCur ? "cur" : "new")/\(String(decoding: fileName, as: UTF8.self))"
  }

  func shown(_ row: MessageRecord) -> ShownMessage {
    ShownMessage(
      account: account.name, mailbox: mailbox.name.description, uid: row.uid?.value,
      path: row.pending.contains(.gone) ? nil : path(row.fileName, isInCur: row.isInCur),
      date: row.internalDate.map(timestamp))
  }

  func shown(_ file: LocalFile) -> ShownMessage {
    ShownMessage(
      account: account.name, mailbox: mailbox.name.description, path: path(file.fileName, isInCur: file.isInCur),
      date: timestamp(file.stamp.modified / 1_000_000_000))
  }
}

extension ShownMessage {
  /// With sender and subject, where its file is there. Blocks: for the disk threads.
  var withHeading: ShownMessage {
    guard let path else { return self }
    let heading = MessageHeading.read(path: path)
    var message = self
    (message.from, message.subject) = (heading.from, heading.subject)
    return message
  }
}
