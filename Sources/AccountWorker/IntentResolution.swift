import Crypto
import IMAPProtocol
import MailConnections
import MailModel
import Maildir
import SyncState

/// Finds out what became of acts on the server whose answer was never heard, or did not say which UIDs came of them:
/// looks for the messages themselves, from the UIDNEXT recorded before the act (DESIGN.md section 4, Upload). One
/// message is found for one intent.
struct IntentResolution: Sendable {
  let account: OpenAccount
  let connection: IMAPConnection

  /// How long a server may still be at work on what a broken connection brought it; seconds. A second MOVE of the same
  /// UIDs does nothing where the first was done, so that there is nothing to wait for.
  static func patience(for kind: ServerIntent.Kind, hasMove: Bool) -> Int64 {
    switch kind {
    case .append: 60
    case .copy: 5
    case .move, .trash: hasMove ? 0 : 5
    }
  }

  private var state: AccountState { account.state }

  /// A message that may be what an intent has become.
  private struct Candidate {
    var uid: UID
    var header: Digest
    var size: Int64?
    var internalDate: InternalDate?
    var identification: String?
    var flags: FlagSet
  }

  /// - Parameter isAnswered: the server said OK, so that a message that is not found has been there.
  func run(into id: Int64, isAnswered: Bool = false) async throws -> PushRound.Result {
    var result = PushRound.Result()
    let open = try await state.intents(into: id)
    guard let record = try await state.mailbox(id), let lowest = open.map(\.uidNext).min() else { return result }
    let selection = try await connection.select(record.name, readOnly: true, resync: nil) { _ in }
    guard let validity = selection.uidValidity else { return result }
    // Under another UIDVALIDITY these UIDs say nothing: everything there is matched by its content.
    try await state.dropIntents(open.filter { $0.uidValidity != validity }.map(\.id))
    result.undone += open.count { $0.uidValidity != validity }
    let current = open.filter { $0.uidValidity == validity }
    let found = match(current, try await candidates(from: lowest, in: id), try await flags(of: current))
    for intent in current {
      if let message = found[intent.id] {
        try await settle(intent, message, in: record, &result)
      } else {
        try await missed(intent, record, isAnswered: isAnswered, &result)
      }
    }
    return result
  }

  /// By intent, the flags that its message took along on the server.
  private func flags(of intents: [ServerIntent]) async throws -> [Int64: FlagSet] {
    var flags: [Int64: FlagSet] = [:]
    for intent in intents where intent.kind != .append {
      guard let source = intent.source else { continue }
      flags[intent.id] = try await state.messages(ids: [source]).first?.flags
    }
    return flags
  }

  private func candidates(from lowest: UInt32, in mailbox: Int64) async throws -> [Candidate] {
    let found = FoundCandidates()
    let range = UIDSet(ranges: CollectionOfOne(lowest...UInt32.max))
    _ = try await connection.fetchAttributes(range, [.size, .internalDate, .header, .flags]) { batch in
      for message in batch {
        // `n:*` names the last message even where it is below n.
        guard let uid = message.uid, uid.value >= lowest, let header = message.headerBytes else { continue }
        guard try await !state.hasRow(uid, in: mailbox) else { continue }
        var sha = SHA256()
        header.withUnsafeBytes { sha.update($0) }
        guard let digest = Digest(sha.finish()) else { continue }
        await found.add(
          Candidate(
            uid: uid, header: digest, size: message.rfc822Size.map { Int64(clamping: $0) },
            internalDate: message.internalDate, identification: HeaderIdentification.find(in: header),
            flags: message.flags ?? FlagSet()))
      }
    }
    return await found.candidates
  }

  private actor FoundCandidates {
    private(set) var candidates: [Candidate] = []
    func add(_ candidate: Candidate) { candidates.append(candidate) }
  }

  /// Gives each intent its message. Of several of one content, each has the flags that it took along, if any has.
  private func match(
    _ intents: [ServerIntent], _ candidates: [Candidate], _ flags: [Int64: FlagSet]
  ) -> [Int64: Candidate] {
    var candidates = candidates
    var found: [Int64: Candidate] = [:]
    for isExact in [true, false] {
      for intent in intents where found[intent.id] == nil {
        let possible = isExact ? candidates.filter { $0.flags == flags[intent.id] } : candidates
        guard let place = match(intent, possible),
          let index = candidates.firstIndex(where: { $0.uid == possible[place].uid })
        else { continue }
        found[intent.id] = candidates.remove(at: index)
      }
    }
    return found
  }

  /// By the digest of the header and the size, else by Message-ID and Date: some servers alter what they are given.
  private func match(_ intent: ServerIntent, _ candidates: [Candidate]) -> Int? {
    let possible = candidates.indices.filter { candidates[$0].uid.value >= intent.uidNext }
    return possible.first { candidates[$0].header == intent.digests.header && candidates[$0].size == intent.wireSize }
      ?? possible.first { index in
        guard let identification = intent.messageID else { return false }
        return candidates[index].identification == identification
      }
  }

  // MARK: Found

  private func settle(
    _ intent: ServerIntent, _ found: Candidate, in record: MailboxRecord, _ result: inout PushRound.Result
  ) async throws {
    let now = account.now()
    var source: MessageRecord?
    if let id = intent.source { source = try await state.messages(ids: [id]).first }
    switch intent.kind {
    case .trash:
      if let source { try await state.setLeaving(.restOfMove, of: [source.id]) }
      try await state.dropIntents([intent.id])
      result.deleted += 1
    case .move:
      guard let source, let file = try await file(of: intent) else { return try await arrived(intent, found, now) }
      let origin = try await state.mailbox(source.mailbox)?.name
      try await state.confirmMoves(
        [
          ConfirmedMove(
            intent: intent.id, message: source.id, file: file, uid: found.uid, pending: .flags,
            unlettered: source.flags.keywords)
        ],
        leavesSource: true, detail: origin.map { "from \($0)" } ?? "", now: now)
      result.moved += 1
    case .append, .copy:
      guard let file = try await file(of: intent) else { return try await arrived(intent, found, now) }
      try await state.confirmUploads(
        [
          ConfirmedUpload(
            intent: intent.id, file: file, uid: found.uid, flags: found.flags, unlettered: found.flags.keywords,
            pending: .flags, wireSize: intent.wireSize, internalDate: found.internalDate?.seconds,
            internalZone: found.internalDate?.zoneMinutes, copyOf: intent.kind == .copy ? intent.source : nil,
            replaces: intent.kind == .append ? intent.source : nil)
        ], now: now)
      result.uploaded += 1
    }
    // What the name says of flags is compared when the folder is read the next time.
    try await state.forgetScan(of: record.id)
  }

  /// The intent's file as it is now: for an edited message that of its row. Since the act it may have got another inode,
  /// in a Maildir that was put back from a backup, or another content.
  private func file(of intent: ServerIntent) async throws -> LocalFile? {
    guard let key = intent.file else { return nil }
    if let file = try await state.localFile(key, in: intent.mailbox) {
      let isSame = [file.digests.content, file.plain.content].contains(intent.digests.content)
      return isSame ? file : unread(file, intent)
    }
    guard intent.kind == .append, let source = intent.source,
      let row = try await state.messages(ids: [source]).first, !row.pending.contains(.gone)
    else { return nil }
    return unread(row.asFile, intent)
  }

  /// The message that the server has is the intent's; whether the file still is tells the next scan, which is at once.
  private func unread(_ file: LocalFile, _ intent: ServerIntent) -> LocalFile {
    var file = file
    file.digests = intent.digests
    file.stamp.modified = FileStamp.unread
    account.facts.setWantsLook(true)
    return file
  }

  /// The message is there, but its file has gone elsewhere since: it gets a row whose file is missing, and what that
  /// means is told like any other disappearance.
  private func arrived(_ intent: ServerIntent, _ found: Candidate, _ now: Int64) async throws {
    try await state.confirmArrival(
      of: intent, uid: found.uid, flags: found.flags, internalDate: found.internalDate?.seconds,
      internalZone: found.internalDate?.zoneMinutes, now: now)
  }

  // MARK: Not found

  private func missed(
    _ intent: ServerIntent, _ record: MailboxRecord, isAnswered: Bool, _ result: inout PushRound.Result
  ) async throws {
    let patience = Self.patience(for: intent.kind, hasMove: connection.capabilities.hasMove)
    if patience == 0 { return try await drop(intent, &result) }
    guard intent.isUncertain else {
      if intent.attempts == 0 { try await drop(intent, &result) }
      return
    }
    guard account.now() - intent.since >= patience else {
      account.logger.notice(
        "\(account.settings.name)/\(record.name): the connection broke while a message was sent; it is looked for again",
        metadata: account.metadata(of: record.name))
      return
    }
    guard intent.kind == .append else { return try await drop(intent, &result) }
    guard isAnswered || intent.attempts > 1 else {
      result.undone += 1
      return try await state.setRetriable(intent.id)
    }
    let reason = "a message was sent twice and the server does not show it; approve to send it once more"
    let files = try await [file(of: intent)].compactMap { $0 }
    try await state.hold([], files: files, in: intent.mailbox, kind: "append", reason: reason, now: account.now())
    try await state.dropIntents([intent.id])
    result.notices.append(.held("\(account.settings.name)/\(record.name)", reason))
  }
  /// It was not done, and is done again.
  private func drop(_ intent: ServerIntent, _ result: inout PushRound.Result) async throws {
    try await state.dropIntents([intent.id])
    result.undone += 1
  }
}
