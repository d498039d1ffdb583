import MailModel

/// One message that came into a folder, changed there, came there from another folder, or left it, because of the server; or a hold of a mailbox, with its
/// reason.
package struct MessageChange: Sendable, Equatable {
  package enum Kind: String, Sendable { case new, changed, moved, gone, held }

  package var account: String
  package var mailbox: String
  package var kind: Kind
  package var uid: UInt32?
  /// Absolute; of a message that is gone, where it was.
  package var path: String
  /// As the wire names them.
  package var flags: [String]
  /// Of a hold.
  package var reason: String?
}

extension OpenAccount {
  /// Tells of holds that a round has met.
  func report(holds notices: [SyncFailure], in mailbox: MailboxName) {
    report(
      notices.filter(\.isHold).map { notice in
        MessageChange(
          account: settings.name, mailbox: mailbox.description, kind: .held, path: "", flags: [], reason: notice.what)
      })
  }
}

extension MirroredMailbox {
  /// What happened to a file of this folder, for those who want to know.
  func change(
    _ kind: MessageChange.Kind, uid: UID?, fileName: [UInt8], isInCur: Bool, flags: FlagSet,
    in settings: AccountSettings
  ) -> MessageChange {
    let folder = record.folder.isEmpty ? "" : record.folder + "/"
    return MessageChange(
      account: settings.name, mailbox: record.name.description, kind: kind, uid: uid?.value,
      path: "\(settings.root)/\(folder)\(isInCur ? "cur" : "new")/\(String(decoding: fileName, as: UTF8.self))",
      flags: flags.wireNames)
  }
}
