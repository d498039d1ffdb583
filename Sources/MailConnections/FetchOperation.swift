import IMAPProtocol
import MailModel
import NIOCore

/// UID FETCH of attributes, in as many commands as the set needs, with the header of each message where it is wanted.
final class FetchOperation: Operation {
  private let asked: UIDSet
  private var pieces: ArraySlice<UIDSet>
  private let items: FetchItems
  private let changedSince: ModSequence?
  private let wantsVanished: Bool
  private let queue: BatchQueue
  private let promise: EventLoopPromise<FetchOutcome>
  private let allocator: ByteBufferAllocator
  private var batcher: AttributeBatcher
  private var vanished = UIDSetGatherer()
  private var unreadable = UnreadableParts()
  private var gatherer: HeaderGatherer?
  private var header: [UInt8]?
  private static let pipelineDepth = 4
  let name = "UID FETCH"

  init(
    _ uids: UIDSet, _ items: FetchItems, changedSince: ModSequence?, vanished: Bool, _ queue: BatchQueue,
    _ allocator: ByteBufferAllocator, _ promise: EventLoopPromise<FetchOutcome>
  ) {
    asked = uids
    pieces = uids.isEmpty ? [] : uids.commandPieces()[...]
    self.items = items
    self.changedSince = changedSince
    wantsVanished = vanished
    self.queue = queue
    self.allocator = allocator
    self.promise = promise
    batcher = AttributeBatcher(queue)
  }

  var holdsReading: Bool { queue.isFull }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    guard unanswered < Self.pipelineDepth, let piece = pieces.popFirst() else { return nil }
    return .uidFetch(
      piece, items: [.uid] + items.wireItems, changedSince: changedSince,
      vanished: wantsVanished && changedSince != nil)
  }

  func received(_ untagged: Untagged) {
    switch untagged {
    case .vanished(earlier: true, let uids): vanished.insert(uids)
    case .malformed(let part):
      if part.kind == "FETCH" { dropHeader() }
      unreadable.note(part)
    default: break
    }
  }

  func bodyBegins(_ body: BodyBegin) {
    header = nil
    let isWanted = items.contains(.header) && body.section == "BODY[HEADER]" && body.origin == nil
    gatherer = isWanted ? HeaderGatherer(announcedSize: body.size, allocator: allocator) : nil
  }

  func bodyContinues(_ bytes: UnsafeRawBufferPointer) { gatherer?.receive(bytes) }

  func bodyEnds() {
    header = gatherer?.end()
    gatherer = nil
  }

  private func dropHeader() {
    gatherer = nil
    header = nil
  }

  func received(_ fetched: FetchedAttributes) -> Bool {
    defer { dropHeader() }
    guard let uid = fetched.uid, asked.contains(uid) else { return false }
    var attributes = MessageAttributes(fetched)
    attributes.headerBytes = header
    batcher.add(attributes)
    return true
  }

  func complete() {
    do {
      try unreadable.requireNone(for: name)
      guard !vanished.overflowed else { throw ConnectionError.incomplete(command: name, "too many ranges") }
      batcher.end()
      var outcome = FetchOutcome()
      outcome.vanished = vanished.set
      outcome.unreadable = unreadable.uids.set
      promise.succeed(outcome)
    } catch {
      fail(error)
    }
  }

  func fail(_ error: any Error) {
    queue.end()
    promise.fail(error)
  }
}

extension FetchItems {
  /// As FETCH names them.
  var wireItems: [FetchItem] {
    let table: [(FetchItems, FetchItem)] = [
      (.flags, .flags), (.internalDate, .internalDate), (.size, .rfc822Size), (.modSequence, .modSequence),
      (.emailID, .emailID), (.gmailID, .gmailMessageID), (.header, .header),
    ]
    return table.filter { contains($0.0) }.map(\.1)
  }
}
