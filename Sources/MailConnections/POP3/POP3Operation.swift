import POP3Protocol

/// What a POP3 connection is asked to do: one command or several, whose answers belong together. Used on the
/// connection's event loop only.
protocol POP3Operation: AnyObject {
  /// For errors: `RETR`.
  var name: String { get }
  /// What to send next, when `unanswered` commands of this operation wait for their answers; nil for no more, or where
  /// `waits` for nothing yet.
  func next(unanswered: Int) -> Command?
  /// What comes next depends on answers that are still to come, so nothing else may be sent either.
  var waits: Bool { get }
  /// The first line of an answer. An error thrown here fails the operation, once all its commands are answered.
  /// `POP3Failure.badServer` ends the session at once.
  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) throws
  func received(_ line: ListedLine)
  func received(message bytes: UnsafeRawBufferPointer)
  /// The last further line, or the message, is over.
  func ended()
  /// All commands are answered and there is none to come.
  func complete()
  /// `wasSent` where a command of this operation may have reached the server and was not answered.
  func fail(_ error: any Error, wasSent: Bool)
}

/// A further line of an answer, valid during the call only.
enum ListedLine {
  case whole(UnsafeRawBufferPointer)
  /// The beginning of one that is too long.
  case cut(UnsafeRawBufferPointer)
}

extension POP3Operation {
  func replied(_ reply: Reply, line: UnsafeRawBufferPointer, to command: Command) throws {
    try reply.requireOK(command)
  }

  var waits: Bool { false }
  func received(_ line: ListedLine) {}
  func received(message bytes: UnsafeRawBufferPointer) {}
  func ended() {}
}

extension Reply {
  func requireOK(_ command: Command) throws(POP3Failure) {
    guard !isOK else { return }
    if let pause = text.pauseReason {
      throw .wait(POP3Wait(kind: pause, after: text.secondsInWords.map { .seconds($0) }, text: text.text))
    }
    throw .refused(command: command.name, text)
  }
}
