import LinuxFiles
import Logging
import NIOCore
import POP3Protocol
import SASL
import Transport

/// The end of a POP3 connection's pipeline: bytes from the server go through the parser to the sign-in until it is done,
/// then to the operation whose answer they are. It holds back reading while bodies pile up, and ends the connection when
/// the server says nothing for too long; time in which we hold back ourselves does not count.
final class POP3ChannelHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct Session: Sendable {
    var capabilities: ServerCapabilities
    var facts: SignInFacts
  }

  private enum Phase {
    case connecting
    case session
    /// The answer to STLS is read.
    case startingTLS
    case handshake
    case ready(Session)
    case closed(POP3Failure)
  }

  private let setup: ConnectionSetup
  private let established: EventLoopPromise<Session>
  private var phase = Phase.connecting
  private var parser = ReplyParser()
  /// Answers that the parser is told of before the next octets, for it may be at work when a command goes out.
  private var announced: [ReplyShape] = []
  private var machine: SignInMachine
  private var commands = POP3CommandQueue()
  private var context: ChannelHandlerContext?
  private lazy var watch = SilenceWatch { [unowned self] in
    TimeAmount(setup.endpoint.timeout)
  } isOurs: { [unowned self] in
    heldRead || isAskingForPassword
  } onSilence: { [unowned self] in
    fail(.timedOut(waitingFor: waitingFor))
  }
  private var heldRead = false
  private var isAskingForPassword = false
  private var isInMessage = false
  /// A command of the sign-in went out while the last line was looked at.
  private var hasJustSent = false

  init(_ setup: ConnectionSetup, policy: SignInPolicy, established: EventLoopPromise<Session>) {
    self.setup = setup
    self.established = established
    machine = SignInMachine(policy: policy, crypto: .openSSL)
  }

  private var owner: ObjectIdentifier { ObjectIdentifier(self) }

  // MARK: The channel

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    fail(.closed)
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    if case .connecting = phase { phase = .session }
    watch.start(context.eventLoop)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    fail(.dropped(isInMessage ? "the server ended it in the middle of a message" : "the server ended it"))
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch (phase, error) {
    case (.ready, let error as TLSFailure): fail(.dropped(error.description))
    case (_, let error as TLSFailure): fail(.transport(.tls(error)))
    case (_, let error as IOError): fail(.dropped(error.shortText))
    default: fail(.dropped("\(error)"))
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? TLSEstablished {
      setup.logger.debug("TLS established", metadata: ["version": "\(event.version)", "resumed": "\(event.isResumed)"])
      watch.progress()
      machine.bind(event.bindings.map { SASL.ChannelBinding(type: $0.type, data: $0.data) })
      if case .handshake = phase {
        phase = .session
        run(machine.tlsEstablished())
      }
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = Self.unwrapInboundIn(data)
    if case .closed = phase { return }
    watch.heard()
    setup.shared.update { $0.received &+= UInt64(buffer.readableBytes) }
    do {
      try buffer.withUnsafeReadableBytes { try parse($0) }
    } catch let error as ReplyError {
      return failUnreadable(error)
    } catch {
      return fail(.dropped("\(error)"))
    }
    pump()
  }

  /// Until the session is established line by line, so that it is known to the octet what came before it was asked for.
  private func parse(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while case .session = phase, let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      hasJustSent = false
      try receive(UnsafeRawBufferPointer(rebasing: rest[...end]))
      rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
      if hasJustSent, !rest.isEmpty { return fail(.session(.protocolViolation("it answered before it was asked"))) }
    }
    switch phase {
    case .startingTLS: startTLS(extra: rest.count)
    case .closed: return
    default: try receive(rest)
    }
  }

  private func receive(_ bytes: UnsafeRawBufferPointer) throws {
    for shape in announced { parser.expect(shape) }
    announced.removeAll(keepingCapacity: true)
    try parser.receive(bytes) { handle($0) }
  }

  private func handle(_ event: ReplyEvent) {
    switch phase {
    case .closed, .handshake, .startingTLS: return
    case .connecting, .session: run(machine.received(event))
    case .ready:
      switch event {
      case .reply(let reply, let line):
        isInMessage = reply.isOK
        do { try commands.replied(reply, line: line) } catch { fail(error) }
      case .line(let line): commands.current?.received(.whole(line))
      case .overlongLine(let head): commands.current?.received(.cut(head))
      case .message(let bytes): commands.current?.received(message: bytes)
      case .end:
        isInMessage = false
        commands.ended()
      case .challenge: break
      }
    }
  }

  /// What nobody asked for is the server's farewell, as when it has waited too long for us: `-ERR Disconnected for
  /// inactivity.`
  private func failUnreadable(_ error: ReplyError) {
    switch (phase, error) {
    case (.ready, .notAskedFor(let excerpt)) where !commands.isWaiting:
      fail(.dropped("the server said \(excerpt)"))
    case (.ready, _): fail(.badServer(error.description))
    default: fail(.session(.protocolViolation(error.description)))
    }
  }

  // MARK: The sign-in

  private func run(_ actions: [SignInAction]) {
    for action in actions {
      if case .closed = phase { return }
      switch action {
      case .send(let bytes, let shapes, let description):
        setup.logger.trace("sent", metadata: ["command": "\(description)"])
        hasJustSent = true
        announced += shapes
        do { try send(bytes) } catch { fail(.dropped("\(error)")) }
      case .needPassword: askForPassword()
      case .derive(let derivation): derive(derivation)
      case .startTLS: phase = .startingTLS
      case .established(let capabilities, let facts):
        let session = Session(capabilities: capabilities, facts: facts)
        phase = .ready(session)
        watch.stop()
        established.succeed(session)
      case .fail(let failure): fail(POP3Failure(failure))
      }
    }
  }

  private func askForPassword() {
    guard let context else { return }
    isAskingForPassword = true
    setup.askForPassword(for: self, on: context.eventLoop) {
      $0.received(password: $1)
    } orElse: {
      $0.fail(.noPassword($1))
    }
  }

  private func received(password: [UInt8]) {
    isAskingForPassword = false
    watch.progress()
    if case .session = phase { run(machine.password(password)) }
  }

  private func derive(_ derivation: SASLDerivation) {
    guard let context else { return }
    setup.derive(derivation, for: self, on: context.eventLoop) { $0.received(derived: $1) }
  }

  private func received(derived key: [UInt8]) {
    watch.progress()
    if case .session = phase { run(machine.derived(key)) }
  }

  private func startTLS(extra: Int) {
    let count = extra + (parser.isAtBoundary ? 0 : 1)
    phase = .handshake
    run(machine.bytesBufferedAtStartTLS(count))
    guard case .handshake = phase, let context else { return }
    guard count == 0, let tls = setup.tls else {
      return fail(.session(.protocolViolation("bytes came with the answer to STLS")))
    }
    do { try setup.startTLS(tls, in: context) } catch { fail(.transport(.tls(error))) }
  }

  // MARK: Operations

  func enqueue(_ operation: any POP3Operation) {
    if case .closed(let failure) = phase { return operation.fail(failure, wasSent: false) }
    commands.enqueue(operation)
    pump()
  }

  /// Sends what may be sent, all of it in one write.
  private func pump() {
    guard case .ready(let session) = phase, let context else { return }
    var bytes: [UInt8] = []
    for command in commands.takeCommands(hasPipelining: session.capabilities.hasPipelining) {
      announced.append(command.shape)
      bytes += command.line ?? []
    }
    do { try send(bytes) } catch { return fail(.dropped("\(error)")) }
    if commands.isWaiting { watch.start(context.eventLoop) } else { watch.stop() }
    resumeReading()
  }

  private func send(_ bytes: [UInt8]) throws {
    guard !bytes.isEmpty, let context else { return }
    try Step.$faults.withValue(setup.faults) { try Step.pass(.networkWrite) }
    setup.shared.update { $0.sent &+= UInt64(bytes.count) }
    context.writeAndFlush(Self.wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: nil)
  }

  // MARK: Holding back

  func read(context: ChannelHandlerContext) {
    if mayRead() { context.read() } else { heldRead = true }
  }

  private func mayRead() -> Bool {
    guard let context else { return true }
    let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    return setup.budget.mayRead(owner) { eventLoop.execute { handler.value.resumeReading() } }
  }

  /// Reads on where reading was held back and may go on.
  private func resumeReading() {
    guard heldRead, let context, mayRead() else { return }
    heldRead = false
    watch.progress()
    context.read()
  }

  /// The server may be gone: what it owes us, now or next, is to begin within that time.
  func hurry(within limit: TimeAmount) {
    if let context { watch.hurry(limit, context.eventLoop) }
  }

  private var waitingFor: String {
    switch phase {
    case .connecting: "the connection"
    case .session: "the login"
    case .startingTLS, .handshake: "the TLS handshake"
    case .ready: commands.name ?? "nothing"
    case .closed: "the end"
    }
  }

  // MARK: The end

  /// Ends the connection; all that waits for it fails with the first error.
  func fail(_ failure: POP3Failure) {
    if case .closed = phase { return }
    phase = .closed(failure)
    watch.stop()
    setup.shared.update { $0.isOpen = false }
    setup.budget.stopWaiting(owner)
    established.fail(failure)
    commands.failAll(failure)
    context?.close(promise: nil)
  }
}
