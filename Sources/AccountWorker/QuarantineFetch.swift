import LinuxFiles
import Locks
import MailConnections
import MailModel
import Maildir
import NIOCore
import SyncState

/// Fetches messages into quarantine before they are expunged on the server (DESIGN.md promise 6).
struct QuarantineFetch: Sendable {
  let target: PushTarget

  private var account: OpenAccount { target.account }

  /// Returns those that may be expunged: they are durably in quarantine, or were there already, or the server has them
  /// no more, or nothing is to be kept at all.
  func run(_ rows: [MessageRecord], _ result: inout PushRound.Result) async throws -> [MessageRecord] {
    guard account.settings.keepDeleted > 0, !rows.isEmpty else { return rows }
    let state = target.state
    var wanted: [MessageRecord] = []
    for row in rows where try await !state.isQuarantined(row.id) { wanted.append(row) }
    guard !wanted.isEmpty else { return rows }
    let receiver = QuarantineReceiver(
      quarantine: account.quarantine, clock: account.clock, pool: account.pool)
    _ = try await target.connection.fetchMessages(
      UIDSet(wanted.compactMap(\.uid)).batches(of: 50), into: receiver, pipelineDepth: 4)
    let kept = try await receiver.finish()
    var isSafe = Set(rows.map(\.id)).subtracting(wanted.map(\.id))
    // What another session has expunged meanwhile may be listed until NOOP has it told.
    if wanted.contains(where: { row in row.uid.map { kept[$0] == nil } ?? true }) { try await target.connection.noop() }
    let existing = try await target.connection.existingUIDs().uids
    for row in wanted {
      guard let uid = row.uid else { continue }
      if let entry = kept[uid] {
        try await state.noteQuarantined(
          row.id, entry: entry.name.description, digest: entry.content.digests.content,
          reason: row.leaving == .replaced ? "replaced by an edited version" : "deleted here", now: account.now())
        isSafe.insert(row.id)
      } else if !existing.contains(uid) {
        isSafe.insert(row.id)
      } else {
        var notice = SyncFailure(
          scope: .message, retry: .later, location: "\(target.mailbox.location):\(uid)",
          what: "the message was deleted here, but the server does not give it for quarantine, so it is not expunged",
          remedy: "it is tried again at the next sync")
        notice.uid = uid.value
        result.notices.append(notice)
      }
    }
    return rows.filter { isSafe.contains($0.id) }
  }
}

/// Writes messages to the quarantine directory, each to a file of its own that gets its name when it is whole.
final class QuarantineReceiver: MessageReceiver {
  struct Entry: Sendable {
    var name: FileName
    var content: MessageContent
  }

  private struct State {
    var kept: [UID: Entry] = [:]
    var failure: (any Error)?
  }

  let quarantine: Quarantine
  let clock: WallClock
  private let pool: DiskPool
  private let lane: DiskLane
  private let state = Mutex(State())

  init(quarantine: Quarantine, clock: WallClock, pool: DiskPool) {
    self.quarantine = quarantine
    self.clock = clock
    self.pool = pool
    lane = pool.makeLane()
  }

  func begin(announcedSize: UInt64) -> (any MessageSink)? {
    guard state.withLock({ $0.failure == nil }) else { return nil }
    return QuarantineSink(receiver: self, lane: lane)
  }

  fileprivate func keep(_ uid: UID, _ entry: Entry) { state.withLock { $0.kept[uid] = entry } }
  fileprivate func fail(_ error: any Error) { state.withLock { $0.failure = $0.failure ?? error } }

  /// What was kept, durably.
  func finish() async throws -> [UID: Entry] {
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in lane.submit { done.resume() } }
    let (kept, failure) = state.withLock { ($0.kept, $0.failure) }
    if let failure { throw failure }
    let quarantine = quarantine
    try await pool.run { try quarantine.sync() }
    return kept
  }
}

/// One message on its way into quarantine; every step runs on the lane, in order. After a step that failed nothing more
/// is written: the rest of a message is no message.
private final class QuarantineSink: MessageSink {
  private enum Stage {
    case empty
    case open(QuarantineDraft)
    case ended
  }

  private let receiver: QuarantineReceiver
  private let lane: DiskLane
  private let stage = Mutex(Stage.empty)

  init(receiver: QuarantineReceiver, lane: DiskLane) {
    self.receiver = receiver
    self.lane = lane
  }

  func receive(_ bytes: ByteBuffer, release: @escaping @Sendable () -> Void) {
    lane.submit { [self] in
      attempt { draft in
        try bytes.withUnsafeReadableBytes { try draft.write($0) }
        return .open(draft)
      }
      release()
    }
  }

  func finish(_ attributes: MessageAttributes, received: ReceivedBody) {
    lane.submit { [self] in
      attempt { draft in
        let content = try draft.finish(date: attributes.internalDate?.seconds)
        if let uid = attributes.uid, !ServerPlaceholder.isOne(content) {
          let name = Quarantine.newName(clock: receiver.clock)
          try draft.publish(as: name)
          receiver.keep(uid, .init(name: name, content: content))
        } else {
          try draft.discard()
        }
        return .ended
      }
    }
  }

  func abort(_ error: any Error) {
    lane.submit { [self] in
      stage.withLock { stage in
        if case .open(let draft) = stage { try? draft.discard() }
        stage = .ended
      }
    }
  }

  private func attempt(_ step: (QuarantineDraft) throws -> Stage) {
    stage.withLock { stage in
      var opened: QuarantineDraft?
      do {
        switch stage {
        case .empty: opened = try receiver.quarantine.makeDraft()
        case .open(let draft): opened = draft
        case .ended: return
        }
        if let opened { stage = try step(opened) }
      } catch {
        try? opened?.discard()
        stage = .ended
        receiver.fail(error)
      }
    }
  }
}
