import IMAPProtocol
import LinuxFiles
import Locks
import MailConnections
import MailModel
import Maildir
import NIOCore
import SyncPlanner
import SyncState

/// Uploads files that were made or edited here. An intent is durable before the first byte; whether a message may be
/// there although we never heard of it is known to the octet, since a server stores nothing before the last one.
struct PushUploads: Sendable {
  let target: PushTarget

  private static let groupMessages = 64
  private static let groupOctets: Int64 = 4 << 20
  private var state: AccountState { target.state }
  private var account: OpenAccount { target.account }

  /// A file that is ready, with what it becomes.
  private struct Upload: Sendable {
    var file: UploadFile
    var flags: FlagSet
    /// Those of the flags that the mailbox keeps.
    var storable: FlagSet
    var date: (seconds: Int64, zone: Int)
    var replaces: MessageRecord?
  }

  func run(_ files: [LocalFile], replaced: [MessageRecord]) async throws -> PushRound.Result {
    var result = PushRound.Result()
    var files = files
    let asked = files.filter { !$0.isApproved }
    let (verdict, size) = try await target.verdict(.uploads, asked.count)
    if case .held(let reason) = verdict {
      result.notices.append(try await target.hold([], files: asked, kind: "uploads", reason: reason))
      files.removeAll { !$0.isApproved }
    }
    let retried = try await attempts()
    let name = target.mailbox.record.name.description
    var group: [Upload] = []
    var octets: Int64 = 0
    var sent = 0
    func flush() async throws {
      guard !group.isEmpty else { return }
      account.meter.update { $0.mailbox = name }
      let part = try await upload(group, retried)
      sent += group.count { $0.replaces == nil && !$0.file.file.isApproved }
      let count = group.count
      account.meter.update { $0.messagesSent += count }
      result.add(part)
      group = []
      octets = 0
    }
    let candidates = files.map { (file: $0, row: nil as MessageRecord?) } + replaced.map { (file: $0.asFile, row: $0) }
    account.meter.update { $0.messagesToSend += candidates.count }
    for (file, row) in candidates {
      guard let upload = try await prepare(file, replacing: row, &result) else {
        account.meter.update { $0.messagesSent += 1 }
        continue
      }
      if group.count >= Self.groupMessages || octets + upload.file.wireSize > Self.groupOctets { try await flush() }
      group.append(upload)
      octets += upload.file.wireSize
    }
    try await flush()
    try await state.count(.uploads, sent, in: target.id, folderSize: size, now: account.now())
    return result
  }

  private func prepare(
    _ file: LocalFile, replacing row: MessageRecord?, _ result: inout PushRound.Result
  ) async throws -> Upload? {
    let folder = target.mailbox.folder
    let opened: UploadFile?
    do {
      opened = try await account.pool.run { try UploadFile.open(file, in: folder) }
    } catch let error as FileError where error.isRefused || error.isMissing {
      account.logger.warning("\(target.mailbox.location): \(error)", metadata: account.metadata())
      return nil
    }
    // An empty file is what a power cut leaves: nothing that anybody wrote.
    guard let opened, opened.status.size > 0 else { return nil }
    if let limit = target.connection.capabilities.appendLimit, opened.wireSize > Int64(clamping: limit) {
      try await refuse(
        opened, row, "it has \(opened.wireSize) octets, and the server takes at most \(limit)", &result)
      return nil
    }
    if opened.hasNUL {
      try await refuse(opened, row, "it has NUL octets, which the server's protocol can't carry", &result)
      return nil
    }
    let name = FileName(bytes: file.fileName).map(MessageFileName.init(parsing:))
    let flags = name.map { target.mailbox.keywords.flags(of: $0, unlettered: row?.unlettered ?? []) } ?? FlagSet()
    let date =
      row?.internalDate.map { (seconds: $0, zone: row?.internalZone ?? 0) }
      ?? (seconds: opened.status.modified.seconds, zone: 0)
    return Upload(
      file: opened, flags: flags, storable: target.selection.storable(flags), date: date, replaces: row)
  }

  private func refuse(
    _ file: UploadFile, _ row: MessageRecord?, _ reason: String, _ result: inout PushRound.Result
  ) async throws {
    if let row { try await state.setUnsendable([row.id]) } else { try await state.refuse([file.file], reason: reason) }
    let name = FileName(bytes: file.file.fileName)?.description ?? "a file"
    result.notices.append(
      SyncFailure(
        scope: .message, retry: .never, location: target.mailbox.location,
        what: "\(name) is not taken by the server: \(reason)",
        remedy: "it stays here and is not tried again until it changes"))
  }

  // MARK: One group

  private func upload(_ group: [Upload], _ retried: [Digest: Int]) async throws -> PushRound.Result {
    var result = PushRound.Result()
    guard let place = try await MoveDestination.open(target.id, target: target) else { return result }
    if group.count > 1, target.connection.capabilities.hasMultiAppend {
      if try await append(group, to: place, retried, mayBeAlone: true, &result) { return result }
      // One message that the server does not take refuses them all: one by one then.
    }
    for upload in group { _ = try await append([upload], to: place, retried, mayBeAlone: false, &result) }
    return result
  }

  /// One command; false where the server refused several messages together.
  private func append(
    _ uploads: [Upload], to place: MoveDestination, _ retried: [Digest: Int], mayBeAlone: Bool,
    _ result: inout PushRound.Result
  ) async throws -> Bool {
    let intents = try await state.intend(
      uploads.map { upload in
        ServerIntent(
          kind: .append, mailbox: target.id, uidValidity: place.validity, uidNext: place.uidNext,
          source: upload.replaces?.id,
          file: .init(baseName: upload.file.file.baseName, inode: upload.file.file.stamp.inode),
          digests: upload.file.digests, wireSize: upload.file.wireSize, messageID: upload.file.identification,
          attempts: retried[upload.file.digests.content] ?? 0)
      }, now: account.now())
    let (ids, group) = started(intents, uploads)
    guard !group.isEmpty else { return true }
    let isWhole = Mutex(false)
    let (pool, now, state) = (account.pool, account.now(), state)
    let messages = group.enumerated().map { index, upload in
      let isLast = index == group.count - 1
      let chunks = upload.file.chunks(on: pool, allocator: ByteBufferAllocator()) {
        guard isLast else { return }
        try await state.setUncertain(ids, now: now)
        isWhole.withLock { $0 = true }
      }
      return AppendMessage(
        flags: upload.storable, internalDate: InternalDate(seconds: upload.date.seconds, zoneMinutes: upload.date.zone),
        size: UInt64(upload.file.wireSize)
      ) { try await chunks.next() }
    }
    let outcome: [AppendResult]
    do {
      outcome = try await target.connection.append(messages, to: place.name)
    } catch {
      if !isWhole.withLock({ $0 }) { try await state.dropIntents(ids) }
      throw error
    }
    if mayBeAlone, outcome.contains(where: { if case .refused = $0 { true } else { false } }) {
      try await state.dropIntents(ids)
      return false
    }
    try await settle(group, ids, outcome, place, &result)
    return true
  }

  private func settle(
    _ group: [Upload], _ ids: [Int64], _ outcome: [AppendResult], _ place: MoveDestination,
    _ result: inout PushRound.Result
  ) async throws {
    var isComplete = true
    var lowest = place.uidNext
    var confirmed: [ConfirmedUpload] = []
    for (index, upload) in group.enumerated() {
      switch index < outcome.count ? outcome[index] : .done(nil) {
      case .done(let told):
        if let told, told.uidValidity == place.validity, told.uid.value >= lowest,
          try await !state.hasRow(told.uid, in: target.id)
        {
          lowest = told.uid.value &+ 1
          confirmed.append(self.confirmed(upload, intent: ids[index], uid: told.uid))
        } else {
          isComplete = false
        }
      case .refused(let text):
        try await state.dropIntents([ids[index]])
        // Of one message, a limit is one of size or lines.
        if text.isPermanentRefusal || text.code == .limit {
          try await refuse(upload.file, upload.replaces, text.text, &result)
        } else {
          result.notices.append(try target.refusal("take a new message", text))
        }
      }
    }
    try await state.confirmUploads(confirmed, now: account.now())
    result.uploaded += confirmed.count
    guard !isComplete else { return }
    result.add(
      try await IntentResolution(account: account, connection: target.connection).run(into: target.id, isAnswered: true)
    )
    try await target.selectAgain()
  }

  private func confirmed(_ upload: Upload, intent: Int64, uid: UID) -> ConfirmedUpload {
    var file = upload.file.file
    file.digests = upload.file.digests
    file.stamp = FileStamp(upload.file.status)
    let name = FileName(bytes: file.fileName).map(MessageFileName.init(parsing:))
    return ConfirmedUpload(
      intent: intent, file: file, uid: uid, flags: upload.storable,
      unlettered: target.mailbox.keywords.unlettered(upload.storable.keywords, letters: name?.keywordLetters ?? []),
      pending: upload.flags == upload.storable ? [] : .flags, isUnsendable: upload.flags != upload.storable,
      wireSize: upload.file.wireSize, internalDate: upload.date.seconds, internalZone: upload.date.zone,
      replaces: upload.replaces?.id)
  }

  /// How often a content was sent already without our hearing of it.
  private func attempts() async throws -> [Digest: Int] {
    let open = try await state.intents(into: target.id).filter { $0.kind == .append && !$0.isUncertain }
    try await state.dropIntents(open.map(\.id))
    return Dictionary(open.map { ($0.digests.content, $0.attempts) }, uniquingKeysWith: max)
  }
}

extension MessageRecord {
  /// Its file, whose new content, and so its size, is not known yet.
  var asFile: LocalFile {
    LocalFile(
      mailbox: mailbox, baseName: baseName, fileName: fileName, isInCur: isInCur,
      stamp: stamp ?? FileStamp(device: 0, inode: 0, size: 0, modified: 0, changed: 0),
      digests: MessageDigests(content: .zero, header: .zero), isApproved: true)
  }
}
