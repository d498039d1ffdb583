import LinuxFiles
import Logging
import MailModel
import Maildir
import SyncState

/// Finds out of a message that is about to be delivered whether it is here already, or is perhaps being moved here.
struct DeliveryMatching: Sendable {
  let account: AccountState
  let settings: AccountSettings
  let pool: DiskPool
  let clock: WallClock
  let logger: Logger
  let moves: LikelyMoves

  /// Where a file of this very content lies in the folder without a row, or a row of it has no UID, nothing is
  /// delivered: the two become one message. Nor is one delivered that may have been moved here.
  func adopted(_ message: ReadyMessage) async throws -> Bool {
    if let claims = message.claims, try await claims(message.uid, message.content.digests.content) {
      try await pool.run { try message.file.discard() }
      message.uids.settle(message.uid)
      return true
    }
    let mailbox = message.mailbox.record.id
    let digests = message.content.digests
    if message.mayBeMoved, try await !moves.sources(of: [digests.header], target: mailbox).isEmpty {
      // A round asks there first.
      try await pool.run { try message.file.discard() }
      return true
    }
    guard message.mayBeHere else { return false }
    if let row = try await account.unpaired(headerDigest: digests.header, in: mailbox)
      .first(where: { $0.digests.content == digests.content })
    {
      try await account.pair([(row.id, message.uid)])
    } else if try await isPaired(message) {
      logger.info(
        "\(message.mailbox.location): a file with the content of UID \(message.uid) was here; paired",
        metadata: ["MAILBOX": "\(message.mailbox.record.name)", "UID": "\(message.uid)"])
    } else {
      return false
    }
    try await pool.run { try message.file.discard() }
    message.uids.settle(message.uid)
    return true
  }

  /// Whether the message and a file that lies here without a row are one now.
  private func isPaired(_ message: ReadyMessage) async throws -> Bool {
    let sent = try await BroughtFiles(into: message.mailbox.record.id, of: account)
    guard let file = try await counterpart(of: message, sent) else { return false }
    return try await !account.adopt([Adoption(file, as: message.intent, in: message.mailbox, sent: sent)]).isEmpty
  }

  /// A file of this very content, or of the same Message-ID, Date and body: another program has altered its header. One
  /// whose body is another's is another version, and is not sent beside the server's without being asked for.
  private func counterpart(of message: ReadyMessage, _ sent: BroughtFiles) async throws -> LocalFile? {
    let mailbox = message.mailbox
    let digest = message.content.digests.content
    let same = try await account.localFiles(contentDigest: digest, in: mailbox.record.id)
    if let file = sent.counterpart(of: message.uid, message.intent.flags, among: same) { return file }
    guard try await account.hasLocalFiles(in: mailbox.record.id) else { return nil }
    let found = try await pool.run { try mailbox.folder.traits(of: message.file) }
    guard let identity = found?.identity else { return nil }
    let files = try await account.strays(identity: identity, in: mailbox.record.id)
    if let file = files.first(where: { $0.traits?.body == found?.body }) { return file }
    guard settings.drain == nil, !files.isEmpty, try await account.rebuilding().isUnderWay else { return nil }
    try await account.hold(
      [], files: files, in: mailbox.record.id, kind: "uploads",
      reason: "files here are other versions of messages that the server has", now: clock.now().seconds)
    return nil
  }
}
