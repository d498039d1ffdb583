import LinuxFiles
import MailModel
import Maildir
import SyncState

extension Adoption {
  /// Makes a file that was here and a message on the server one. The base is what both sides have: the rest of each is a
  /// change of that side, so that the flags are united.
  init(_ file: LocalFile, as intent: DeliveryIntent, in mailbox: MirroredMailbox) {
    var here = FlagSet()
    if let name = FileName(bytes: file.fileName) {
      here = mailbox.keywords.flags(of: MessageFileName(parsing: name), unlettered: [])
    }
    var intent = intent
    intent.flags = intent.flags.subtracting(intent.flags.subtracting(here))
    intent.unlettered = []
    self.init(file: file, intent: intent, pending: here == intent.flags ? [] : .flags)
  }
}
