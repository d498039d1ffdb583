import NIOCore
import POP3Protocol

/// One command whose end is all that matters: NOOP, RSET.
final class PlainPOP3Operation: POP3Operation {
  private var command: Command?
  private let promise: EventLoopPromise<Void>
  let name: String

  init(_ command: Command, _ promise: EventLoopPromise<Void>) {
    self.command = command
    self.promise = promise
    name = command.name
  }

  func next(unanswered: Int) -> Command? { command.take() }
  func complete() { promise.succeed() }
  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}

/// STAT.
final class MaildropStatusOperation: POP3Operation {
  private var command: Command? = .status
  private let promise: EventLoopPromise<MaildropStatus>
  private var status: MaildropStatus?
  let name = "STAT"

  init(_ promise: EventLoopPromise<MaildropStatus>) { self.promise = promise }

  func next(unanswered: Int) -> Command? { command.take() }

  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) throws {
    try reply.requireOK(command)
    // The octets are of no use to anybody; some servers leave them out.
    let numbers = Reply.numbers(2, in: line)
    guard let count = numbers.first, let count = Int(exactly: count) else {
      throw POP3Failure.badServer("it answered STAT with \(reply.text.text)")
    }
    // No number from a server may be what a loop of ours counts to.
    status = MaildropStatus(count: min(count, ListingLine.largestNumber), octets: numbers.dropFirst().first ?? 0)
  }

  func complete() {
    if let status { promise.succeed(status) } else { promise.fail(POP3Failure.badServer("it did not answer STAT")) }
  }

  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}

/// LIST.
final class SizesOperation: POP3Operation {
  private var command: Command? = .sizes
  private let promise: EventLoopPromise<MessageSizes>
  private var sizes = MessageSizes()
  let name = "LIST"

  init(_ promise: EventLoopPromise<MessageSizes>) { self.promise = promise }

  func next(unanswered: Int) -> Command? { command.take() }

  func received(_ line: ListedLine) {
    guard case .whole(let bytes) = line, let listed = ListingLine(bytes), let size = listed.size else {
      sizes.isCut = true
      return
    }
    sizes.note(listed.number, size)
  }

  func complete() { promise.succeed(sizes) }
  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}
