import MailModel
import NIOCore
import POP3Protocol

/// RETR of many messages, streamed into sinks. A message counts as delivered only when the line came that ends it.
final class RetrieveOperation: POP3Operation {
  private var numbers: ArraySlice<MessageNumber>
  private let makeSink: (MessageNumber) -> (any MessageSink)?
  private let stream: (any MessageSink, UInt64) -> BodyStream
  private let promise: EventLoopPromise<RetrieveOutcome>
  private var outcome = RetrieveOutcome()
  private var current: Current?
  let name = "RETR"
  /// Where the server does not say how long a message is.
  private static let usualSize: UInt64 = 16 << 10

  private struct Current {
    let number: MessageNumber
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

  func next() -> Command? { numbers.popFirst().map(Command.retrieve) }

  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) {
    guard case .retrieve(let number) = command else { return }
    guard reply.isOK else {
      outcome.refused.append(.init(number: number, text: reply.text))
      return
    }
    // `+OK 1203 octets`: good for the size of a buffer and for nothing else.
    let size = Reply.numbers(1, in: line).first ?? Self.usualSize
    current = Current(number: number, body: makeSink(number).map { stream($0, size) })
  }

  func received(message bytes: UnsafeRawBufferPointer) {
    guard var body = current?.body else { return }
    // The stream leaves its place meanwhile, as its buffer would be copied when two held it.
    current?.body = nil
    body.receive(bytes)
    current?.body = body
  }

  func ended() {
    guard let ended = current else { return }
    current = nil
    guard var body = ended.body else { return }
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

/// TOP with no lines of the body: the header.
final class HeaderOperation: POP3Operation {
  private var command: Command?
  private var gatherer: HeaderGatherer
  private let promise: EventLoopPromise<[UInt8]?>
  private var isRefused = false
  let name = "TOP"

  init(_ number: MessageNumber, _ allocator: ByteBufferAllocator, _ promise: EventLoopPromise<[UInt8]?>) {
    command = .top(number)
    gatherer = HeaderGatherer(announcedSize: .max, allocator: allocator)
    self.promise = promise
  }

  func next() -> Command? { command.take() }

  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) { isRefused = !reply.isOK }
  func received(message bytes: UnsafeRawBufferPointer) { gatherer.receive(bytes) }
  func complete() { promise.succeed(isRefused ? nil : gatherer.end()) }
  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}
