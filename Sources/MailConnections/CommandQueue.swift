import IMAPProtocol

/// The operations of a connection in their order, and the commands of the first of them that wait for their end.
struct CommandQueue {
  private struct Sent {
    let tag: String
    let command: Command
  }

  /// A command that waits for the server's `+` before the rest of it can go out; nothing may be sent meanwhile.
  private struct Blocked {
    let tag: String
    var rest: ArraySlice<CommandSegment>
  }

  private var operations: [any Operation] = []
  private var sent: [Sent] = []
  private var blocked: Blocked?
  private var error: (any Error)?
  private var lastTag: UInt64 = 0

  var current: (any Operation)? { operations.first }

  mutating func enqueue(_ operation: any Operation) { operations.append(operation) }

  /// The bytes of all the commands that may be sent now. Operations with nothing to do are completed.
  mutating func takeOutput(_ capabilities: CapabilitySet) -> [UInt8] {
    var output: [UInt8] = []
    while blocked == nil, let operation = current {
      if error == nil, let command = operation.next(unanswered: sent.count, capabilities: capabilities) {
        lastTag &+= 1
        let tag = "M\(lastTag)"
        do {
          let segments = try command.encoded(tag: tag, capabilities: capabilities)
          sent.append(Sent(tag: tag, command: command))
          write(segments[...], of: tag, to: &output)
        } catch {
          self.error = ConnectionError.unencodable(error)
        }
      } else if sent.isEmpty {
        operations.removeFirst()
        if let error { operation.fail(error) } else { operation.complete() }
        error = nil
      } else {
        break
      }
    }
    return output
  }

  private mutating func write(_ segments: ArraySlice<CommandSegment>, of tag: String, to output: inout [UInt8]) {
    var rest = segments
    while let segment = rest.popFirst() {
      switch segment {
      case .bytes(let bytes): output += bytes
      case .awaitContinuation:
        blocked = Blocked(tag: tag, rest: rest)
        return
      }
    }
  }

  /// The server has sent `+`: what to send now. A `+` that nothing waits for means nothing.
  mutating func continued() -> [UInt8] {
    guard let waiting = blocked else { return [] }
    blocked = nil
    var output: [UInt8] = []
    write(waiting.rest, of: waiting.tag, to: &output)
    return output
  }

  /// A command's end; one that we did not send is ignored.
  mutating func answered(_ tagged: Tagged) {
    guard let operation = current, let index = sent.firstIndex(where: { $0.tag == tagged.tag }) else { return }
    if blocked?.tag == tagged.tag { blocked = nil }
    let command = sent.remove(at: index).command
    do {
      try operation.answered(command, tagged)
    } catch {
      if self.error == nil { self.error = error }
    }
  }

  mutating func failAll(_ error: any Error) {
    let failing = operations
    operations = []
    sent = []
    blocked = nil
    for operation in failing { operation.fail(error) }
  }
}
