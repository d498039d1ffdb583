import IMAPProtocol
import MailModel
import NIOCore

/// UID FETCH of whole messages, streamed into sinks. A message counts as delivered only when its body came whole, its
/// FETCH response ended, and it is one that was asked for and not yet delivered.
final class MessagesOperation: Operation {
  private let asked: UIDSet
  private var pieces: ArraySlice<UIDSet>
  private let receiver: any MessageReceiver
  private let pipelineDepth: Int
  private let stream: (any MessageSink, UInt64) -> BodyStream
  private let promise: EventLoopPromise<FetchMessagesOutcome>
  private var body = Body.none
  private var outcome = FetchMessagesOutcome()
  private var unreadable = UIDSetGatherer()
  let name = "UID FETCH"

  private enum Body {
    case none
    case streaming(BodyStream)
    /// Its literal has ended, its FETCH response not yet.
    case ended(BodyStream)
  }

  init(
    _ batches: [UIDSet], into receiver: any MessageReceiver, pipelineDepth: Int,
    stream: @escaping (any MessageSink, UInt64) -> BodyStream, _ promise: EventLoopPromise<FetchMessagesOutcome>
  ) {
    asked = UIDSet(ranges: batches.flatMap(\.ranges))
    pieces = batches.filter { !$0.isEmpty }.flatMap { $0.commandPieces() }[...]
    self.receiver = receiver
    self.pipelineDepth = max(pipelineDepth, 1)
    self.stream = stream
    self.promise = promise
  }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    guard unanswered < pipelineDepth, let piece = pieces.popFirst() else { return nil }
    var items: [FetchItem] = [.uid, .flags, .internalDate, .rfc822Size]
    if capabilities.hasCondStore { items.append(.modSequence) }
    if capabilities.hasObjectID { items.append(.emailID) }
    if capabilities.hasGmailExtensions { items.append(.gmailMessageID) }
    return .uidFetch(piece, items: items + [.body], changedSince: nil, vanished: false)
  }

  func bodyBegins(_ begin: BodyBegin) {
    abort(ConnectionError.incomplete(command: name, "two bodies in one response"))
    guard begin.section == "BODY[]", begin.origin == nil, let sink = receiver.begin(announcedSize: begin.size) else {
      return
    }
    body = .streaming(stream(sink, begin.size))
  }

  func bodyContinues(_ bytes: UnsafeRawBufferPointer) {
    if case .streaming(let current) = body { current.receive(bytes) }
  }

  func bodyEnds() {
    guard case .streaming(let current) = body else { return }
    current.end()
    body = .ended(current)
  }

  func received(_ fetched: FetchedAttributes) -> Bool {
    guard case .ended(let stream) = body else { return fetched.nilSections.contains("BODY[]") }
    body = .none
    guard stream.isWhole, let uid = fetched.uid, asked.contains(uid), !outcome.delivered.contains(uid) else {
      stream.abort(ConnectionError.incomplete(command: name, "a message that is cut, or that was not asked for"))
      return true
    }
    outcome.delivered.insert(uid)
    stream.finish(MessageAttributes(fetched))
    return true
  }

  func received(_ untagged: Untagged) {
    guard case .malformed(let part) = untagged, part.kind == "FETCH" else { return }
    abort(ConnectionError.incomplete(command: name, part.excerpt))
    if let uid = part.uid { unreadable.insert(uid.value...uid.value) }
  }

  func answered(_ command: Command, _ tagged: Tagged) {
    guard tagged.status != .ok, case .uidFetch(let uids, _, _, _) = command else { return }
    outcome.refused.append(.init(uids: uids, text: tagged.text))
  }

  func complete() {
    abort(ConnectionError.incomplete(command: name, "a message without an end"))
    outcome.unreadable = unreadable.set
    promise.succeed(outcome)
  }

  func fail(_ error: any Error) {
    abort(error)
    promise.fail(error)
  }

  private func abort(_ error: any Error) {
    switch body {
    case .none: break
    case .streaming(let current), .ended(let current): current.abort(error)
    }
    body = .none
  }
}
