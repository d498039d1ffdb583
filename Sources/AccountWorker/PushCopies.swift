import IMAPProtocol
import LinuxFiles
import MailConnections
import MailModel
import Maildir
import SyncState

/// Copies messages on the server that a mail program copied into this folder, without sending them again. What the
/// server will not copy is uploaded.
struct PushCopies: Sendable {
  let target: PushTarget

  private static let batch = 100
  private var state: AccountState { target.state }
  private var account: OpenAccount { target.account }

  func run(_ copies: [LocalChanges.Move]) async throws -> (result: PushRound.Result, rest: [LocalFile]) {
    var result = PushRound.Result()
    var rest: [LocalFile] = []
    for (source, copies) in Dictionary(grouping: copies, by: \.message.mailbox).sorted(by: { $0.key < $1.key }) {
      guard try await select(source) else {
        rest += copies.map(\.file)
        continue
      }
      var waiting = copies
      while !waiting.isEmpty {
        // One command copies a message once.
        var sources: Set<Int64> = []
        var part: [LocalChanges.Move] = []
        waiting.removeAll { item in
          guard part.count < Self.batch, sources.insert(item.message.id).inserted else { return false }
          part.append(item)
          return true
        }
        rest += try await copy(part, from: source, &result)
      }
    }
    if !copies.isEmpty { try await target.selectAgain() }
    return (result, rest)
  }

  /// Whether the server still has the mailbox that the rows are of.
  private func select(_ source: Int64) async throws -> Bool {
    guard let record = try await state.mailbox(source) else { return false }
    do {
      let selection = try await target.connection.select(record.name, readOnly: true, resync: nil) { _ in }
      return selection.uidValidity == record.uidValidity
    } catch ConnectionError.refused {
      return false
    }
  }

  /// Returns the files that are to be uploaded instead.
  private func copy(
    _ copies: [LocalChanges.Move], from source: Int64, _ result: inout PushRound.Result
  ) async throws -> [LocalFile] {
    guard let place = try await MoveDestination.open(target.id, target: target) else { return [] }
    let prepared = try await place.prepare(copies)
    guard !prepared.isEmpty else { return [] }
    let intents = try await state.intend(
      prepared.map { item in
        ServerIntent(
          kind: .copy, mailbox: place.id, uidValidity: place.validity, uidNext: place.uidNext,
          source: item.message.id, file: .init(baseName: item.file.baseName, inode: item.file.stamp.inode),
          digests: item.message.digests, wireSize: item.message.wireSize)
      }, now: account.now())
    let (ids, ready) = started(intents, prepared)
    guard !ready.isEmpty else { return [] }
    let outcome: CopyOutcome
    do {
      outcome = try await target.connection.copy(UIDSet(ready.compactMap(\.message.uid)), to: place.name)
    } catch {
      try await state.setUncertain(ids, now: account.now())
      throw error
    }
    switch outcome {
    case .refused:
      try await state.dropIntents(ids)
      return ready.map(\.file)
    case .done(let mapping):
      var isComplete = true
      var confirmed: [ConfirmedUpload] = []
      var given: Set<UID> = []
      for (id, item) in zip(ids, ready) {
        guard let uid = item.message.uid, let copy = mapping?.destination(of: uid), try await place.fits(copy, mapping),
          given.insert(copy).inserted
        else {
          isComplete = false
          continue
        }
        confirmed.append(.copy(of: item.message, item.file, uid: copy, in: target.mailbox, intent: id))
      }
      try await state.confirmUploads(confirmed, now: account.now())
      result.uploaded += confirmed.count
      if !isComplete {
        try await state.setUncertain(ids, now: account.now())
        result.add(try await IntentResolution(account: account, connection: target.connection).run(into: place.id))
        _ = try await select(source)
      }
      return []
    }
  }
}

extension ConfirmedUpload {
  /// The copy has the flags of its source on the server, and its own in the folder.
  static func copy(
    of source: MessageRecord, _ file: LocalFile, uid: UID, in mailbox: MirroredMailbox, intent: Int64
  ) -> ConfirmedUpload {
    let name = FileName(bytes: file.fileName).map(MessageFileName.init(parsing:))
    let local = FlagSet(system: name?.flags ?? source.flags.system, keywords: source.flags.keywords)
    var file = file
    file.digests = MessageDigests(content: file.digests.content, header: source.digests.header)
    return ConfirmedUpload(
      intent: intent, file: file, uid: uid, flags: source.flags, unlettered: source.flags.keywords,
      pending: local == source.flags ? [] : .flags, wireSize: source.wireSize, internalDate: source.internalDate,
      internalZone: source.internalZone, copyOf: source.id)
  }
}
