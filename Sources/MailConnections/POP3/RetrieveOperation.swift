import MailModel
import NIOCore
import POP3Protocol

/// RETR of many messages, streamed into sinks. A message counts as delivered only when the line came that ends it.
///
/// Answers bear no numbers. A server that says one line too many moves all that follow it, and one message would be
/// taken, and deleted, for another. So what can't be told from that, a refusal among pipelined commands or a message
/// that begins as an answer does, makes us careful: what is under way is let pass, a STAT shows that answer and command
/// are in step, and the same messages are asked for once more, one by one. What is refused or begins so then is so.
final class RetrieveOperation: POP3Operation {
  private enum Mode {
    case pipelined
    /// The answers under way are let pass.
    case letting
    /// STAT is under way.
    case checking
    case single
  }

  private var numbers: ArraySlice<MessageNumber>
  private let makeSink: (MessageNumber) -> (any MessageSink)?
  private let stream: (any MessageSink, UInt64) -> BodyStream
  private let promise: EventLoopPromise<RetrieveOutcome>
  private var outcome = RetrieveOutcome()
  private var mode = Mode.pipelined
  private var underWay: [MessageNumber] = []
  private var again: ArraySlice<MessageNumber> = []
  private var doubts = 0
  private var current: Current?
  let name = "RETR"
  /// Where the server does not say how long a message is.
  private static let usualSize: UInt64 = 16 << 10
  /// After so many it is one by one to the end, as each costs what was under way.
  private static let mostDoubts = 3

  private struct Current {
    let number: MessageNumber
    let announcedSize: UInt64
    /// Its first octets, before it is known what they are.
    var head: [UInt8]? = []
    /// nil for a message that nobody wants.
    var body: BodyStream?
  }

  init(
    _ numbers: [MessageNumber], into makeSink: @escaping (MessageNumber) -> (any MessageSink)?,
    stream: @escaping (any MessageSink, UInt64) -> BodyStream, _ promise: EventLoopPromise<RetrieveOutcome>
  ) {
    self.numbers = numbers[...]
    self.makeSink = makeSink
    self.stream = stream
    self.promise = promise
  }

  var waits: Bool {
    switch mode {
    case .pipelined: false
    case .checking: true
    case .letting, .single: !again.isEmpty || !numbers.isEmpty
    }
  }

  func next(unanswered: Int) -> Command? {
    if waits, unanswered > 0 { return nil }
    if case .letting = mode, waits {
      mode = .checking
      return .status
    }
    if case .single = mode, again.isEmpty, doubts < Self.mostDoubts { mode = .pipelined }
    guard let number = again.popFirst() ?? numbers.popFirst() else { return nil }
    underWay.append(number)
    return .retrieve(number)
  }

  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) throws {
    guard case .retrieve(let number) = command else { return try checked(reply, line) }
    underWay.removeFirst()
    if case .letting = mode { return }
    guard reply.isOK else { return refused(number, reply.text) }
    // `+OK 1203 octets`: good for the size of a buffer and for nothing else.
    current = Current(number: number, announcedSize: Reply.numbers(1, in: line).first ?? Self.usualSize)
  }

  /// The answer to STAT, which that to no other command looks like: `+OK 2 320`
  private func checked(_ reply: Reply, _ line: UnsafeRawBufferPointer) throws {
    guard reply.isOK, Reply.numbers(2, in: line).count == 2 else {
      throw POP3Failure.badServer("its answers are out of step with our commands")
    }
    mode = .single
  }

  private func refused(_ number: MessageNumber, _ text: ReplyText) {
    if underWay.isEmpty {
      outcome.refused.append(.init(number: number, text: text))
      mode = .letting
    } else {
      doubt(number)
    }
  }

  private func doubt(_ number: MessageNumber) {
    again = [number] + underWay + again
    doubts += 1
    mode = .letting
  }

  func received(message bytes: UnsafeRawBufferPointer) {
    guard let head = current?.head else { return pass(bytes) }
    let missing = max(0, Reply.longestStatus - head.count)
    current?.head = head + bytes.prefix(missing)
    guard bytes.count >= missing else { return }
    begin()
    pass(UnsafeRawBufferPointer(rebasing: bytes.dropFirst(missing)))
  }

  /// The first octets are there, or all.
  private func begin() {
    guard let begun = current, let head = begun.head else { return }
    if case .single = mode {
    } else if Reply.begins(head) {
      current = nil
      return doubt(begun.number)
    }
    current?.head = nil
    current?.body = makeSink(begun.number).map { stream($0, begun.announcedSize) }
    head.withUnsafeBytes { pass($0) }
  }

  private func pass(_ bytes: UnsafeRawBufferPointer) {
    if !bytes.isEmpty { current?.body?.receive(bytes) }
  }

  func ended() {
    begin()
    guard let ended = current else { return }
    current = nil
    guard let body = ended.body else { return }
    body.end()
    body.finish(MessageAttributes())
    outcome.delivered.append(ended.number)
  }

  func complete() { promise.succeed(outcome) }

  func fail(_ error: any Error, wasSent: Bool) {
    current?.body?.abort(error)
    current = nil
    promise.fail(error)
  }
}
