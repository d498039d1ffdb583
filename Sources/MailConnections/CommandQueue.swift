import IMAPProtocol

/// The operations of a connection in their order, and their commands that wait for an end. One operation follows the
/// other; only behind one that is ending may the next begin to send.
struct CommandQueue {
  private struct Sent {
    let tag: String
    let command: Command
    let operation: ObjectIdentifier
  }

  private struct Place {
    let operation: any Operation
    var error: (any Error)?
  }

  /// A command that waits for the server's `+` before the rest of it can go out; nothing may be sent meanwhile.
  private struct Blocked {
    let tag: String
    var rest: ArraySlice<CommandSegment>
  }

  private var places: [Place] = []
  private var sent: [Sent] = []
  private var blocked: Blocked?
  private var lastTag: UInt64 = 0

  /// The operation that the server's answers belong to.
  var current: (any Operation)? { places.first?.operation }

  mutating func enqueue(_ operation: any Operation) { places.append(Place(operation: operation)) }

  /// The bytes of all the commands that may be sent now. Operations with nothing to do are completed.
  mutating func takeOutput(_ capabilities: CapabilitySet) -> [UInt8] {
    var output: [UInt8] = []
    var index = 0
    while blocked == nil, index < places.count {
      let place = places[index]
      output += place.operation.takeBytes()
      let unanswered = unanswered(place.operation)
      if place.error == nil, let command = place.operation.next(unanswered: unanswered, capabilities: capabilities) {
        send(command, at: index, capabilities, to: &output)
      } else if unanswered == 0 {
        guard index == 0 else { break }
        places.removeFirst()
        if let error = place.error { place.operation.fail(error) } else { place.operation.complete() }
      } else if place.operation.isEnding {
        index += 1
      } else {
        break
      }
    }
    return output
  }

  private func unanswered(_ operation: any Operation) -> Int {
    let identity = ObjectIdentifier(operation)
    return sent.count { $0.operation == identity }
  }

  private mutating func send(
    _ command: Command, at index: Int, _ capabilities: CapabilitySet, to output: inout [UInt8]
  ) {
    lastTag &+= 1
    let tag = "M\(lastTag)"
    do {
      let segments = try command.encoded(tag: tag, capabilities: capabilities)
      sent.append(Sent(tag: tag, command: command, operation: ObjectIdentifier(places[index].operation)))
      write(segments[...], of: tag, to: &output)
    } catch {
      places[index].error = ConnectionError.unencodable(error)
    }
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
    guard let waiting = blocked else {
      current?.continued()
      return []
    }
    blocked = nil
    var output: [UInt8] = []
    write(waiting.rest, of: waiting.tag, to: &output)
    return output
  }

  /// A command's end; one that we did not send is ignored.
  mutating func answered(_ tagged: Tagged) {
    guard let index = sent.firstIndex(where: { $0.tag == tagged.tag }),
      let place = places.firstIndex(where: { ObjectIdentifier($0.operation) == sent[index].operation })
    else { return }
    if blocked?.tag == tagged.tag { blocked = nil }
    let command = sent.remove(at: index).command
    do {
      try places[place].operation.answered(command, tagged)
    } catch {
      if places[place].error == nil { places[place].error = error }
    }
    // What comes from now on answers the next operation, whose commands may be under way already.
    if place == 0, places.count > 1, places[0].operation.isEnding, unanswered(places[0].operation) == 0 {
      let ended = places.removeFirst()
      if let error = ended.error { ended.operation.fail(error) } else { ended.operation.complete() }
    }
  }

  /// What the server has refused before says more than that the connection has ended since.
  mutating func failAll(_ error: any Error) {
    let failing = places
    places = []
    sent = []
    blocked = nil
    for place in failing { place.operation.fail(place.error ?? error) }
  }
}
