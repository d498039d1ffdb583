import LinuxFiles
import Locks
import MailConnections
import MailModel
import Maildir
import NIOCore

import struct Synchronization.Atomic

/// Gives each message that a fetch streams a file of its own; the writing goes on over several lanes of disk threads.
final class MessageIntake: MessageReceiver {
  let mailbox: MirroredMailbox
  let pipeline: DeliveryPipeline
  let ledger: FetchLedger
  let names: BaseNames
  let pool: DiskPool
  let mayBeHere: Bool
  let mayBeMoved: Bool
  let claims: (@Sendable (UID, Digest) async throws -> Bool)?
  /// Ends the fetch: nothing more of it can be delivered.
  private let stopFetching: @Sendable () -> Void
  private let lanes: [DiskLane]
  private let next = Atomic<Int>(0)

  init(
    mailbox: MirroredMailbox, pipeline: DeliveryPipeline, ledger: FetchLedger, names: BaseNames, pool: DiskPool,
    mayBeHere: Bool, mayBeMoved: Bool = false, claims: (@Sendable (UID, Digest) async throws -> Bool)? = nil,
    stopFetching: @escaping @Sendable () -> Void
  ) {
    self.mailbox = mailbox
    self.pipeline = pipeline
    self.ledger = ledger
    self.names = names
    self.pool = pool
    self.mayBeHere = mayBeHere
    self.mayBeMoved = mayBeMoved
    self.claims = claims
    self.stopFetching = stopFetching
    lanes = (0..<2).map { _ in pool.makeLane() }
  }

  func begin(announcedSize: UInt64) -> (any MessageSink)? {
    guard pipeline.failure == nil else {
      stopFetching()
      return nil
    }
    pipeline.began(in: mailbox.record.id)
    let turn = next.add(1, ordering: .relaxed).oldValue
    return IncomingMessage(intake: self, lane: lanes[turn % lanes.count])
  }
}

/// One message on its way into `tmp/`; every step runs on its lane, in order.
private final class IncomingMessage: MessageSink {
  private struct State {
    var file: TemporaryFile?
    var failure: (any Error)?
  }

  private let intake: MessageIntake
  private let lane: DiskLane
  private let state = Mutex(State())

  init(intake: MessageIntake, lane: DiskLane) {
    self.intake = intake
    self.lane = lane
  }

  func receive(_ bytes: ByteBuffer, release: @escaping @Sendable () -> Void) {
    lane.submit { [self] in
      write { file in try bytes.withUnsafeReadableBytes { try file.write($0) } }
      intake.pipeline.releaseWhenCaughtUp(release)
    }
  }

  func finish(_ attributes: MessageAttributes, received: ReceivedBody) {
    lane.submit { [self] in
      write { _ in }
      let (file, failure) = state.withLock { ($0.file, $0.failure) }
      guard let file, failure == nil else {
        drop(failure)
        return
      }
      guard let uid = attributes.uid, intake.ledger.take(uid) else {
        drop(nil)
        return
      }
      do {
        let message = try ready(file, uid: uid, attributes: attributes, received: received)
        guard !ServerPlaceholder.isOne(message.content) else {
          intake.ledger.giveBack(uid, because: "the server says that it is no longer available")
          drop(nil)
          return
        }
        intake.pipeline.ready(message)
      } catch {
        intake.ledger.giveBack(uid)
        drop(error)
      }
    }
  }

  func abort(_ error: any Error) {
    lane.submit { [self] in drop(nil) }
  }

  private func ready(
    _ file: TemporaryFile, uid: UID, attributes: MessageAttributes, received: ReceivedBody
  ) throws -> ReadyMessage {
    let content = try file.finish()
    if let date = attributes.internalDate { try file.setModificationTime(seconds: date.seconds) }
    let flags = attributes.flags ?? FlagSet()
    let name = MessageFileName(
      base: try file.baseName(), flags: flags.system,
      keywordLetters: try intake.mailbox.keywords.letters(for: flags.keywords))
    return ReadyMessage(
      mailbox: intake.mailbox, uid: uid, file: file, content: content, name: name, attributes: attributes,
      received: received, uids: intake.ledger, mayBeHere: intake.mayBeHere, mayBeMoved: intake.mayBeMoved,
      claims: intake.claims)
  }

  /// Runs one write; after a failure the rest of the message is only let pass.
  private func write(_ body: (TemporaryFile) throws -> Void) {
    state.withLock { state in
      guard state.failure == nil else { return }
      do {
        let file = try state.file ?? intake.mailbox.folder.makeTemporary(intake.names.next())
        state.file = file
        try body(file)
      } catch {
        state.failure = error
      }
    }
  }

  private func drop(_ failure: (any Error)?) {
    let file = state.withLock { state in
      let file = state.file
      state.file = nil
      return file
    }
    try? file?.discard()
    if let failure { intake.pipeline.fail(failure) }
    intake.pipeline.dropped(in: intake.mailbox.record.id)
  }
}
