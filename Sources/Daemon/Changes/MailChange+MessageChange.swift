import AccountWorker
import ControlProtocol

extension MailChange {
  init(_ change: MessageChange, _ heading: MessageHeading, time: String) {
    let kind: Kind =
      switch change.kind {
      case .new: .new
      case .changed: .changed
      case .moved: .moved
      case .gone: .gone
      case .held: .held
      }
    self.init(
      account: change.account, mailbox: change.mailbox, kind: kind, time: time, uid: change.uid,
      path: change.kind == .held ? nil : change.path, flags: change.flags, from: heading.from, subject: heading.subject,
      reason: change.reason)
  }
}
