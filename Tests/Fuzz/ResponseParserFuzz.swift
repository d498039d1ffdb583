// A libFuzzer entry for the response grammar; `scripts/fuzz` compiles it into one module with the sources it tests.
// The first two octets choose where the input is cut; the rest is what the server says.

/// Events in a form that compares; bodies as running sums, so that no input makes the fuzzer itself slow.
private struct Recorder {
  var seen: [String] = []
  var body: (octets: UInt64, sum: UInt64)?
  var didFail = false

  mutating func take(_ event: ParserEvent) {
    switch event {
    case .response(let response):
      seen.append(String(describing: response))
      if case .untagged(.list(let entry)) = response { checkCommand(entry.name) }
    case .bodyBegin(let begin):
      seen.append(String(describing: begin))
      body = (0, 0)
    case .bodyBytes(let bytes):
      guard let before = body else { break }
      body = (before.octets + UInt64(bytes.count), bytes.reduce(before.sum) { $0 &* 31 &+ UInt64($1) })
    case .bodyEnd:
      seen.append("end \(String(describing: body))")
      body = nil
    }
  }
}

private func run(_ pieces: [UnsafeRawBufferPointer]) -> (Recorder, Bool) {
  var parser = ResponseParser()
  var recorder = Recorder()
  do {
    for piece in pieces { try parser.receive(piece) { recorder.take($0) } }
  } catch {
    recorder.didFail = true
    recorder.seen.append("\(error)")
  }
  return (recorder, parser.isAtBoundary)
}

/// A name that the server sent comes back from the encoder as one command line that holds the same name, or not at all.
private func checkCommand(_ name: MailboxName) {
  let capabilities = CapabilitySet(["LITERAL+"])
  guard
    let segments = try? Command.status(name, [.messages]).encoded(tag: "A", capabilities: capabilities),
    case .bytes(let bytes)? = segments.first
  else { return }
  // What follows "A STATUS " reads as a STATUS response does: a name and a list.
  let line = Array("* ".utf8) + bytes.dropFirst(2).dropLast(12) + Array("(MESSAGES 1)\r\n".utf8)
  var read: MailboxName?
  var parser = ResponseParser()
  try? line.withUnsafeBytes { line in
    try parser.receive(line) { event in
      if case .response(.untagged(.status(let name, _))) = event { read = name }
    }
  }
  precondition(segments.count == 1 && read == name, "a name changes: \(name)")
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 2 else { return 0 }
  let input = UnsafeRawBufferPointer(start: start + 2, count: count - 2)
  let cut = (Int(start[0]) << 8 | Int(start[1])) % (input.count + 1)
  let whole = run([input])
  let parts = run([
    UnsafeRawBufferPointer(rebasing: input[..<cut]), UnsafeRawBufferPointer(rebasing: input[cut...]),
  ])
  let bytewise = run(input.indices.map { UnsafeRawBufferPointer(rebasing: input[$0...$0]) })
  for other in [parts, bytewise] {
    precondition(whole.0.seen == other.0.seen && whole.0.didFail == other.0.didFail, "a cut changes the events")
    precondition(whole.0.body == nil || other.0.didFail || whole.0.body! == other.0.body!, "a cut changes a body")
    precondition(whole.1 == other.1 || whole.0.didFail, "a cut changes the boundary")
  }
  return 0
}
