import Crypto
import MailConnections
import MailModel
import Maildir
import SyncPlanner
import SyncState

/// Finds out which messages with new UIDs are not new: rows lost their UIDs to a new UIDVALIDITY, another client moved
/// messages here, or their files are here without a row since the state was lost or another program fetched them. What is
/// known without a header comes first, then headers of those that may be known. What has no match by EMAILID,
/// X-GM-MSGID, or header digest with size and INTERNALDATE, is left to a download.
struct Rematch: Sendable {
  struct Result: Sendable {
    /// UIDs that rows have now.
    var matched = UIDSet()
    /// How many of them came from other mailboxes.
    var moved = 0
    /// UIDs of which it is not known yet whether their messages are here.
    var waiting = UIDSet()
  }

  let account: OpenAccount
  let connection: IMAPConnection
  let mailbox: MirroredMailbox

  private static let batch = 500
  private var state: AccountState { account.state }
  private var id: Int64 { mailbox.record.id }

  /// Whether there is anything that a message with a new UID could be.
  func isWorthwhile() async throws -> Bool {
    if try await state.hasDeparted() { return true }
    if try await state.hasLocalFiles(in: id) { return true }
    return try await !state.unpaired(in: id).isEmpty
  }

  func run(_ uids: UIDSet) async throws -> Result {
    var result = Result()
    let hasUnpaired = try await !state.unpaired(in: id).isEmpty
    let hasFiles = try await state.hasLocalFiles(in: id)
    for batch in uids.batches(of: Self.batch, newestFirst: false) {
      var seen = try await look(at: batch, header: hasUnpaired || hasFiles)
      let flags = seen.compactMap { message in message.flags.map { (uid: message.uid, flags: $0) } }
      var found = UIDSet()
      if hasUnpaired { found = try await pair(seen) }
      seen.removeAll { found.contains($0.uid) }
      let moves = try await follow(&seen)
      result.moved += moves.followed.count
      result.waiting = result.waiting.union(moves.waiting)
      found = found.union(moves.followed)
      if hasFiles {
        seen.removeAll { moves.followed.contains($0.uid) || moves.waiting.contains($0.uid) }
        found = found.union(try await adopt(seen))
      }
      // Each keeps the flags that its file has here; those that the server changed on the way are brought in.
      _ = try await FlagRound(account: account, mailbox: mailbox).apply(flags.filter { found.contains($0.uid) })
      result.matched = result.matched.union(found)
    }
    return result
  }

  /// For a dry run: pairs what it can in the scratch state, and touches no file. Returns the UIDs that need no download.
  func rehearse(_ uids: UIDSet) async throws -> UIDSet {
    var found = UIDSet()
    for batch in uids.batches(of: Self.batch, newestFirst: false) {
      var seen = try await look(at: batch, header: true)
      let paired = try await pair(seen)
      seen.removeAll { paired.contains($0.uid) }
      found = found.union(paired).union(try await adopt(seen))
    }
    return found
  }

  /// Those of the messages that another mailbox had, too, when it was last looked at, or has lost since `run`.
  func possibleMoves(_ uids: UIDSet) async throws -> PossibleMoves {
    let seen = try await look(at: uids, header: true)
    let sources = try await account.likelyMoves.sources(of: Set(seen.compactMap(\.header)), target: id)
    var found = PossibleMoves()
    for message in seen {
      guard let header = message.header, sources[header] != nil else { continue }
      found.uids.insert(message.uid)
      found.headers.insert(header)
    }
    return found
  }

  // MARK: What the server tells

  fileprivate struct Seen: Sendable {
    var uid: UID
    var emailID: String?
    var gmailID: UInt64?
    var size: Int64?
    var internalDate: Int64?
    var internalZone: Int?
    var header: Digest?
    /// Octets of the header; nil where not all of it is known.
    var headerSize: Int64?
    /// Message-ID and Date.
    var identity: Int64?
    var flags: FlagSet?

    init?(_ message: MessageAttributes) {
      guard let uid = message.uid else { return nil }
      self.uid = uid
      emailID = message.emailID
      gmailID = message.gmailMessageID
      size = message.rfc822Size.flatMap { Int64(exactly: $0) }
      internalDate = message.internalDate?.seconds
      internalZone = message.internalDate?.zoneMinutes
      flags = message.flags
      guard let bytes = message.headerBytes else { return }
      var sha = SHA256()
      bytes.withUnsafeBytes { sha.update($0) }
      header = Digest(sha.finish())
      identity = MessageTraits.identity(of: bytes)
      if bytes.count < Self.headerLimit { headerSize = MessageTraits.wireSize(of: bytes) }
    }

    /// Of longer ones the server was not asked for all.
    private static let headerLimit = 256 * 1024

    var key: DepartureKey {
      DepartureKey(emailID: emailID, gmailID: gmailID, size: size, internalDate: internalDate)
    }
  }

  private actor Gathered {
    private(set) var seen: [Seen] = []
    func add(_ batch: [MessageAttributes]) { seen += batch.compactMap { Seen($0) } }
  }

  private func look(at uids: UIDSet, header: Bool) async throws -> [Seen] {
    guard !uids.isEmpty else { return [] }
    var items: FetchItems = [.size, .internalDate, .flags]
    if header { items.insert(.header) }
    if connection.capabilities.hasObjectID { items.insert(.emailID) }
    if connection.capabilities.hasGmailExtensions { items.insert(.gmailID) }
    let gathered = Gathered()
    _ = try await connection.fetchAttributes(uids, items) { await gathered.add($0) }
    return await gathered.seen.filter { uids.contains($0.uid) }
  }

  // MARK: A new UIDVALIDITY

  private func pair(_ seen: [Seen]) async throws -> UIDSet {
    var taken: Set<Int64> = []
    var pairs: [(message: Int64, uid: UID)] = []
    for message in seen {
      guard let header = message.header else { continue }
      let rows = try await state.unpaired(headerDigest: header, in: id).filter { !taken.contains($0.id) }
      let identity = ContentIdentity(
        emailID: message.emailID, headerDigest: header, size: message.size, internalDate: message.internalDate)
      let candidates = rows.map { row in
        (
          row: row.id,
          identity: ContentIdentity(
            emailID: row.emailID, headerDigest: row.digests.header, size: row.rfc822Size,
            internalDate: row.internalDate),
          content: row.digests.content
        )
      }
      guard let row = SyncPlanner.match(identity, among: candidates) else { continue }
      taken.insert(row)
      pairs.append((row, message.uid))
    }
    try await state.pair(pairs)
    return UIDSet(pairs.map(\.uid))
  }

  // MARK: Files that were here

  /// By header and size; or, where another program has altered the header, by Message-ID, Date and the size of the body.
  /// What has no such match may still be found to be here when it is fetched.
  private func adopt(_ seen: [Seen]) async throws -> UIDSet {
    var taken: Set<ServerIntent.File> = []
    var adoptions: [Adoption] = []
    let sent = try await BroughtFiles(into: id, of: state)
    for message in seen {
      guard let header = message.header, let size = message.size else { continue }
      func counterpart(_ files: [LocalFile], _ fits: (MessageTraits) -> Bool) -> LocalFile? {
        let fitting = files.filter { !taken.contains($0.key) && $0.traits.map(fits) ?? false }
        return sent.counterpart(of: message.uid, message.flags ?? FlagSet(), among: fitting)
      }
      var file = counterpart(try await state.strays(plainHeader: header, in: id)) { $0.wireSize == size }
      if file == nil, let identity = message.identity, let headerSize = message.headerSize {
        file = counterpart(try await state.strays(identity: identity, in: id)) { $0.bodyWireSize == size - headerSize }
      }
      guard let file else { continue }
      taken.insert(file.key)
      adoptions.append(
        Adoption(
          file,
          as: DeliveryIntent(
            mailbox: id, uid: message.uid, baseName: file.baseName, fileName: file.fileName, isInCur: file.isInCur,
            flags: message.flags ?? FlagSet(), unlettered: [],
            digests: MessageDigests(content: file.digests.content, header: header), diskSize: file.stamp.size,
            wireSize: size, rfc822Size: size, lineEnds: nil, internalDate: message.internalDate,
            internalZone: message.internalZone, emailID: message.emailID, gmailID: message.gmailID), in: mailbox,
          sent: sent))
    }
    return try await state.adopt(adoptions)
  }

  // MARK: Moves by other clients

  private func follow(_ seen: inout [Seen]) async throws -> ServerMoveRound.Outcome {
    let departed = try await state.departed(like: seen.map(\.key))
    guard !departed.isEmpty else { return ServerMoveRound.Outcome() }
    // Headers only of those that may have moved here and have no identifier that says so.
    let dates = Set(
      departed.map { DepartureKey(emailID: nil, gmailID: nil, size: $0.rfc822Size, internalDate: $0.internalDate) })
    let unsure = seen.filter { message in
      message.header == nil
        && dates.contains(
          DepartureKey(emailID: nil, gmailID: nil, size: message.size, internalDate: message.internalDate))
    }
    for message in try await look(at: UIDSet(unsure.map(\.uid)), header: true) {
      guard let place = seen.firstIndex(where: { $0.uid == message.uid }) else { continue }
      seen[place].header = message.header
    }
    let moves = SyncPlanner.serverMoves(
      departed: departed.map(DepartedMessage.init), appeared: seen.map { AppearedMessage($0, in: id) })
    let rows = Dictionary(departed.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    return try await ServerMoveRound(account: account, mailbox: mailbox).run(
      moves.compactMap { move in rows[move.message].map { (row: $0, uid: move.appeared.uid) } })
  }
}

extension DepartedMessage {
  fileprivate init(_ row: MessageRecord) {
    self.init(
      id: row.id, mailbox: row.mailbox, emailID: row.emailID, gmailID: row.gmailID.map { "\($0)" },
      headerDigest: row.digests.header, size: row.rfc822Size, internalDate: row.internalDate,
      content: row.digests.content)
  }
}

extension AppearedMessage {
  fileprivate init(_ message: Rematch.Seen, in mailbox: Int64) {
    self.init(
      mailbox: mailbox, uid: message.uid, emailID: message.emailID, gmailID: message.gmailID.map { "\($0)" },
      headerDigest: message.header, size: message.size, internalDate: message.internalDate)
  }
}
