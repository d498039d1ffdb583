import IMAPProtocol
import NIOCore

/// Commands, one after the other, that the server may refuse; gives its words where it did.
final class RefusableOperation: Operation {
  private var commands: ArraySlice<Command>
  private var refusal: ResponseText?
  private let promise: EventLoopPromise<ResponseText?>
  let name: String

  init(_ commands: [Command], _ promise: EventLoopPromise<ResponseText?>) {
    self.commands = commands[...]
    self.promise = promise
    name = commands.first?.name ?? "nothing"
  }

  func next(unanswered: Int, capabilities: CapabilitySet) -> Command? {
    guard unanswered == 0, refusal == nil else { return nil }
    return commands.popFirst()
  }

  func answered(_ command: Command, _ tagged: Tagged) {
    if tagged.status != .ok { refusal = tagged.text }
  }

  func complete() { promise.succeed(refusal) }
  func fail(_ error: any Error) { promise.fail(error) }
}
