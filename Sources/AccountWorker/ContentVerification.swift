import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// Fetches messages again and compares them with what is recorded of their files. A file that was made here may have
/// the line ends of the wire; one that another program delivered or saved may have header fields of its own (DESIGN.md
/// section 6, Bytes).
struct ContentVerification: Sendable {
  struct Result: Sendable {
    var different: [MessageRecord] = []
    /// UIDs that the server did not give.
    var withheld: [UID] = []
    /// How many differ by what other programs do to headers, and in nothing else.
    var altered = 0
  }

  let account: OpenAccount
  let connection: IMAPConnection
  let mailbox: MirroredMailbox

  func run(_ uids: UIDSet) async throws -> Result {
    var result = Result()
    for part in uids.batches(of: 1_000) {
      let receiver = DigestReceiver()
      let outcome = try await connection.fetchMessages(part.batches(of: 100), into: receiver)
      let rows = try await account.state.messages(Array(part), of: mailbox.record.id)
      let contents = receiver.contents
      for uid in part {
        guard let row = rows[uid] else { continue }
        guard let content = contents[uid] else {
          if !outcome.delivered.contains(uid) { result.withheld.append(uid) }
          continue
        }
        if row.digests.content == content.content || row.pending.contains(.content) || row.pending.contains(.gone) {
          continue
        }
        try await compare(row, content, &result)
      }
    }
    return result
  }

  private func compare(_ row: MessageRecord, _ server: ComparedContent, _ result: inout Result) async throws {
    let folder = mailbox.folder
    let found = try await account.pool.run {
      try FileName(bytes: row.baseName).flatMap { try folder.comparedContent(base: $0) }
    }
    // A missing file is told of by itself.
    guard let file = found, file.content != server.content else { return }
    let isAdopted = row.digests.header == server.header && row.digests.header != file.header && file.body == server.body
    if isAdopted || file.isSameButForLocalFields(as: server) {
      result.altered += 1
    } else {
      result.different.append(row)
    }
  }
}
