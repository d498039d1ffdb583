import LinuxFiles
import MailModel
import Maildir
import SyncState

extension Adoption {
  /// Makes a file that was here and a message on the server one. The base is what both sides have: the rest of each is a
  /// change of that side, so that the flags are united. Where our own act brought the message there, it is what that act
  /// took along.
  init(_ file: LocalFile, as intent: DeliveryIntent, in mailbox: MirroredMailbox, sent: BroughtFiles) {
    let name = FileName(bytes: file.fileName).map(MessageFileName.init(parsing:))
    func here(_ unlettered: [String]) -> FlagSet {
      name.map { mailbox.keywords.flags(of: $0, unlettered: unlettered) } ?? FlagSet()
    }
    var intent = intent
    intent.unlettered = []
    if let base = sent.base(of: file, intent.uid, server: intent.flags) {
      intent.flags = base.flags
      intent.unlettered = mailbox.keywords.unlettered(base.withoutLetters, letters: name?.keywordLetters ?? [])
    } else {
      intent.flags = intent.flags.subtracting(intent.flags.subtracting(here([])))
    }
    self.init(file: file, intent: intent, pending: here(intent.unlettered) == intent.flags ? [] : .flags)
  }
}
