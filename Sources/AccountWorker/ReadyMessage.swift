import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// A message whose bytes are all in `tmp/`, not yet durable.
struct ReadyMessage: Sendable {
  let mailbox: MirroredMailbox
  let uid: UID
  let file: TemporaryFile
  let content: MessageContent
  let name: MessageFileName
  let attributes: MessageAttributes
  let received: ReceivedBody
  let uids: FetchLedger
  /// Whether the folder may hold this message already, without a UID.
  let mayBeHere: Bool
  /// Whether it is left to a round where another mailbox has it, too.
  let mayBeMoved: Bool
  /// Tells whether the state has taken the message for one that is here under another UID; nil where none can be.
  let claims: (@Sendable (UID, Digest) async throws -> Bool)?

  var place: (subdirectory: Subdirectory, name: FileName) { MaildirFolder.place(of: name) }

  var intent: DeliveryIntent {
    DeliveryIntent(
      mailbox: mailbox.record.id, uid: uid, baseName: name.base.bytes, fileName: place.name.bytes,
      isInCur: place.subdirectory == .cur, flags: attributes.flags ?? FlagSet(),
      unlettered: mailbox.keywords.unlettered(attributes.flags?.keywords ?? [], letters: name.keywordLetters),
      digests: content.digests,
      diskSize: content.size, wireSize: Int64(clamping: received.wireOctets),
      rfc822Size: attributes.rfc822Size.map { Int64(clamping: $0) }, lineEnds: received.lineEnds?.column,
      internalDate: attributes.internalDate?.seconds, internalZone: attributes.internalDate?.zoneMinutes,
      emailID: attributes.emailID, gmailID: attributes.gmailMessageID)
  }
}

extension LineEndRuns {
  /// For the state: each run as a variable-length number, seven bits a byte, low bits first; empty for too many.
  var column: [UInt8] {
    guard case .runs(let runs) = self else { return [] }
    var bytes: [UInt8] = []
    for run in runs {
      var rest = run
      while rest >= 0x80 {
        bytes.append(UInt8(rest & 0x7F) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(rest))
    }
    return bytes
  }
}
