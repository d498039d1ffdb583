// A libFuzzer entry for the POP3 replies; `scripts/fuzz` compiles it into one module with the sources it tests.
// The first two octets choose where the input is cut, the third which answers are waited for; the rest is what the
// server says.

/// Events in a form that compares; messages as running sums, so that no input makes the fuzzer itself slow.
private struct Recorder {
  var seen: [String] = []
  var message: (octets: UInt64, sum: UInt64)?
  var didFail = false

  mutating func take(_ event: ReplyEvent) {
    if case .message(let bytes) = event {
      let before = message ?? (0, 0)
      message = (before.octets + UInt64(bytes.count), bytes.reduce(before.sum) { $0 &* 31 &+ UInt64($1) })
      return
    }
    switch event {
    case .reply(let reply, let line):
      seen.append("\(reply) \(Reply.numbers(2, in: line)) \(APOPTimestamp(greeting: line))")
      seen.append("\(String(describing: reply.text.pauseReason)) \(String(describing: reply.text.secondsInWords))")
    case .challenge(let bytes): seen.append("challenge \(Array(bytes))")
    case .line(let line):
      let listed = ListingLine(line)
      seen.append(
        "\(listed?.number ?? 0) \(listed?.size ?? 0) \(listed.flatMap { UniqueID($0.rest) }?.description ?? "")")
      var capabilities = ServerCapabilities()
      capabilities.add(line: line)
      seen.append("\(capabilities.sorted) \(capabilities.loginDelay ?? -1) \(capabilities.mayChangeAtLogin)")
    case .overlongLine(let head): seen.append("overlong \(head.count)")
    case .message: break
    case .end:
      seen.append("end \(String(describing: message))")
      message = nil
    }
  }
}

private func run(_ pieces: [UnsafeRawBufferPointer], _ shapes: [ReplyShape]) -> (Recorder, Bool) {
  var parser = ReplyParser()
  for shape in shapes { parser.expect(shape) }
  var recorder = Recorder()
  do {
    for piece in pieces { try parser.receive(piece) { recorder.take($0) } }
  } catch {
    recorder.didFail = true
    recorder.seen.append("\(error)")
  }
  return (recorder, parser.isAtBoundary)
}

/// A server that the sign-in talks to says the input: whatever it is, the password is shown only when it was asked for,
/// and never without TLS to one whose timestamp is forged.
private func signIn(_ input: UnsafeRawBufferPointer) {
  let crypto = SASLCrypto(nonce: { Array("n".utf8) }, digest: { hash, _ in Array(repeating: 1, count: hash.octets) }) {
    hash, _, _ in Array(repeating: 2, count: hash.octets)
  }
  var machine = SignInMachine(policy: SignInPolicy(tls: .startTLS, user: "u"), crypto: crypto)
  var parser = ReplyParser()
  var waiting: [SignInAction] = []
  try? parser.receive(input) { event in waiting += machine.received(event) }
  for case .needPassword in waiting { preconditionFailure("a password before TLS") }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 3 else { return 0 }
  let input = UnsafeRawBufferPointer(start: start + 3, count: count - 3)
  let cut = (Int(start[0]) << 8 | Int(start[1])) % (input.count + 1)
  let all: [ReplyShape] = [.single, .lines, .message, .exchange]
  let shapes = (0..<4).map { all[Int(start[2] >> UInt8($0 * 2) & 3)] }
  let whole = run([input], shapes)
  let parts = run(
    [UnsafeRawBufferPointer(rebasing: input[..<cut]), UnsafeRawBufferPointer(rebasing: input[cut...])], shapes)
  let bytewise = run(input.indices.map { UnsafeRawBufferPointer(rebasing: input[$0...$0]) }, shapes)
  for other in [parts, bytewise] {
    precondition(whole.0.seen == other.0.seen && whole.0.didFail == other.0.didFail, "a cut changes the events")
    precondition(whole.0.didFail || whole.0.message?.octets == other.0.message?.octets, "a cut changes a message")
    precondition(whole.1 == other.1 || whole.0.didFail, "a cut changes the boundary")
  }
  signIn(input)
  return 0
}
