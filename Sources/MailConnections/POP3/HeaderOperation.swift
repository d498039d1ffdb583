import NIOCore
import POP3Protocol

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

  func next(unanswered: Int) -> Command? { command.take() }

  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) { isRefused = !reply.isOK }
  func received(message bytes: UnsafeRawBufferPointer) { gatherer.receive(bytes) }
  func complete() { promise.succeed(isRefused ? nil : gatherer.end()) }
  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}
