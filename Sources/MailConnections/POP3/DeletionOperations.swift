import NIOCore
import POP3Protocol

/// DELE of many messages.
final class DeleteOperation: POP3Operation {
  private var numbers: ArraySlice<MessageNumber>
  private let promise: EventLoopPromise<DeleteOutcome>
  private var outcome = DeleteOutcome()
  let name = "DELE"

  init(_ numbers: [MessageNumber], _ promise: EventLoopPromise<DeleteOutcome>) {
    self.numbers = numbers[...]
    self.promise = promise
  }

  func next(unanswered: Int) -> Command? { numbers.popFirst().map(Command.delete) }

  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) {
    guard case .delete(let number) = command else { return }
    if reply.isOK {
      outcome.marked.append(number)
    } else {
      outcome.refused.append(.init(number: number, text: reply.text))
    }
  }

  func complete() { promise.succeed(outcome) }
  func fail(_ error: any Error, wasSent: Bool) { promise.fail(error) }
}

/// QUIT: the server deletes what is marked, says so and ends the connection. Once it is sent, only `+OK` tells what
/// became of it: `-ERR` means that some of the messages are still there (RFC 1939 section 6).
final class QuitOperation: POP3Operation {
  private var command: Command? = .quit
  private let promise: EventLoopPromise<Void>
  let name = "QUIT"

  init(_ promise: EventLoopPromise<Void>) { self.promise = promise }

  func next(unanswered: Int) -> Command? { command.take() }

  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) throws {
    guard !reply.isOK else { return }
    throw POP3Failure.unknownOutcome("the server answered QUIT with an error: \(reply.text.text)")
  }

  func complete() { promise.succeed() }

  func fail(_ error: any Error, wasSent: Bool) {
    promise.fail(wasSent ? POP3Failure.unknownOutcome("the answer to QUIT did not come: \(error)") : error)
  }
}
