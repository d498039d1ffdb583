import NIOCore
import POP3Protocol

/// The operations of a POP3 connection in their order, and their commands that wait for an answer. Answers come in the
/// order of the commands, so where the server has PIPELINING the next operation's commands follow at once.
struct POP3CommandQueue {
  private struct Sent {
    let command: Command
    let operation: any POP3Operation
  }

  private struct Place {
    let operation: any POP3Operation
    var isAllSent = false
    var unanswered = 0
    var error: (any Error)?
  }

  private var places: [Place] = []
  private var sent = CircularBuffer<Sent>()
  /// Commands that may wait for their answers together. Some servers read no further while they write, but none of our
  /// own reading waits for them to read.
  private static let pipelineDepth = 256
  /// Where that many wait, others are sent some at a time: each write is work for both sides.
  private static let leastRoom = 32

  /// The operation that the server's next answer belongs to.
  var current: (any POP3Operation)? { sent.first?.operation }
  /// Something is expected of the server.
  var isWaiting: Bool { !sent.isEmpty }
  /// For errors.
  var name: String? { places.first?.operation.name }

  mutating func enqueue(_ operation: any POP3Operation) { places.append(Place(operation: operation)) }

  /// The commands to send now. Operations that are done are completed.
  mutating func takeCommands(hasPipelining: Bool) -> [Command] {
    var commands: [Command] = []
    let depth = hasPipelining ? Self.pipelineDepth : 1
    let isFull = hasPipelining && sent.count > depth - Self.leastRoom
    var index = 0
    while !isFull, index < places.count, sent.count < depth {
      let place = places[index]
      if !place.isAllSent || place.operation.waits, let command = place.operation.next(unanswered: place.unanswered) {
        commands.append(command)
        sent.append(Sent(command: command, operation: place.operation))
        places[index].unanswered += 1
      } else if place.operation.waits, place.unanswered > 0 {
        break
      } else {
        places[index].isAllSent = true
        index += 1
      }
    }
    finish()
    return commands
  }

  /// Completes the first operations as far as they are done, so that the first is the one that an answer belongs to.
  private mutating func finish() {
    while let first = places.first, first.isAllSent, first.unanswered == 0, !first.operation.waits {
      places.removeFirst()
      if let error = first.error { first.operation.fail(error, wasSent: false) } else { first.operation.complete() }
    }
  }

  /// The first line of an answer.
  /// - Throws: `POP3Failure.badServer` where nothing that follows can be trusted.
  mutating func replied(_ reply: Reply, line: UnsafeRawBufferPointer) throws(POP3Failure) {
    guard let answered = sent.first else { return }
    do {
      try answered.operation.replied(reply, line: line, to: answered.command)
    } catch let failure as POP3Failure where failure.isBadServer {
      throw failure
    } catch {
      let index = place(of: answered)
      if places[index].error == nil { places[index].error = error }
    }
    if !reply.isOK || answered.command.shape == .single { end() }
  }

  /// The end of an answer that has more than one line.
  mutating func ended() {
    current?.ended()
    end()
  }

  private func place(of answered: Sent) -> Int {
    places.firstIndex { $0.operation === answered.operation } ?? 0
  }

  private mutating func end() {
    // Not in one expression, where `self` would be held and `sent` copied.
    let answered = sent.removeFirst()
    places[place(of: answered)].unanswered -= 1
    // The next answer may be that of the next operation.
    finish()
  }

  /// What the server has refused before says more than that the connection has ended since.
  mutating func failAll(_ error: any Error) {
    let failing = places
    places = []
    sent.removeAll()
    for place in failing { place.operation.fail(place.error ?? error, wasSent: place.unanswered > 0) }
  }
}

extension POP3Failure {
  fileprivate var isBadServer: Bool { if case .badServer = self { true } else { false } }
}
