import Crypto
import IMAPProtocol
import LinuxFiles
import Logging
import NIOCore
import SASL
import Transport

#if canImport(Glibc)
  import Glibc
#endif

/// The end of an IMAP connection's pipeline: bytes from the server go through the parser to the session machine until
/// it is established, then to the operation under way. It holds back reading while bodies or batches pile up, and ends
/// the connection when the server says nothing for too long; time in which we hold back ourselves does not count.
final class IMAPChannelHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct Session: Sendable {
    var capabilities: CapabilitySet
    var facts: SessionFacts
  }

  private enum Phase {
    case connecting
    case session
    /// The answer to STARTTLS is read.
    case startingTLS
    case handshake
    case ready(Session)
    case closed(ConnectionError)
  }

  private let setup: ConnectionSetup
  private let established: EventLoopPromise<Session>
  private var phase = Phase.connecting
  private var parser = ResponseParser()
  private var machine: SessionMachine
  private var commands = CommandQueue()
  private var context: ChannelHandlerContext?
  private lazy var watch = SilenceWatch { [unowned self] in
    let timeout = TimeAmount(setup.endpoint.timeout)
    return min(commands.current?.patience ?? timeout, timeout)
  } isOurs: { [unowned self] in
    heldRead || isAskingForPassword
  } onSilence: { [unowned self] in
    fail(.timedOut(waitingFor: waitingFor))
  }
  private var heldRead = false
  private var isAskingForPassword = false
  private var isInBody = false
  /// Told what the server tells unasked.
  var onNotice: (@Sendable (MailboxNotice) -> Void)?
  /// Added, and not yet given what came along with the answer to COMPRESS.
  private var newCompression: CompressionHandler?

  init(_ setup: ConnectionSetup, established: EventLoopPromise<Session>) {
    self.setup = setup
    self.established = established
    machine = SessionMachine(policy: setup.endpoint.policy, crypto: .openSSL)
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
    fail(.broken(isInBody ? "the server ended it in the middle of a message" : "the server ended it"))
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch (phase, error) {
    case (_, let error as CompressionFailure):
      if setup.endpoint.compression.lose(error) {
        setup.logger.notice("\(setup.endpoint.transport.name): \(error); it is asked for no compression any more")
      }
      fail(.broken(error.description))
    case (.ready, let error as TLSFailure): fail(.broken(error.description))
    case (_, let error as TLSFailure): fail(.transport(.tls(error)))
    case (_, let error as IOError): fail(.broken(error.shortText))
    default: fail(.broken("\(error)"))
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
    } catch let error as ConnectionError {
      return fail(error)
    } catch {
      return fail(.broken("\(error)"))
    }
    pump()
  }

  /// Until the session is established line by line, so that it is known to the octet what came with the answer to
  /// STARTTLS or to COMPRESS.
  private func parse(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while case .session = phase, newCompression == nil, let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      try parser.receive(UnsafeRawBufferPointer(rebasing: rest[...end])) { try handle($0) }
      rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
    }
    if case .startingTLS = phase { return startTLS(extra: rest.count) }
    if let compression = newCompression, let context {
      newCompression = nil
      return compression.begin(with: context.channel.allocator.buffer(bytes: rest))
    }
    if case .ready(let session) = phase { parser.namesAreUTF8(session.facts.hasEnabledUTF8) }
    try parser.receive(rest) { try handle($0) }
  }

  private func handle(_ event: ParserEvent) throws {
    switch phase {
    case .closed, .handshake, .startingTLS: return
    case .connecting, .session:
      guard case .response(let response) = event else { throw ConnectionError.broken("a message before the login") }
      run(machine.received(response))
    case .ready:
      switch event {
      case .bodyBegin(let body):
        isInBody = true
        commands.current?.bodyBegins(body)
      case .bodyBytes(let bytes): commands.current?.bodyContinues(bytes)
      case .bodyEnd:
        isInBody = false
        commands.current?.bodyEnds()
      case .response(let response): try handle(response)
      }
    }
  }

  private func handle(_ response: Response) throws {
    switch response {
    case .tagged(let tagged): commands.answered(tagged)
    case .continuation: try send(commands.continued())
    case .untagged(.condition(.bye, let text)) where !(commands.current is LogoutOperation):
      throw text.wantsPause ? ConnectionError.session(.unavailable(text.text)) : .bye(text.text)
    case .untagged(.fetch(let fetched)):
      guard commands.current?.received(fetched) != true else { return }
      setup.shared.update { $0.mailbox.note(fetched) }
      tell(.fetch(fetched))
    case .untagged(let untagged):
      // A selection starts from nothing once it knows that the old mailbox is closed.
      setup.shared.update { $0.mailbox.note(untagged) }
      commands.current?.received(untagged)
      tell(untagged)
    }
  }

  private func tell(_ untagged: Untagged) {
    guard let onNotice, let notice = MailboxNotice(untagged) else { return }
    // What is said of the selected mailbox while something is under way there is looked at when that is over.
    if let current = commands.current, notice.isOfSelected || current.asksFor(notice) { return }
    onNotice(notice)
  }

  // MARK: The session

  private func run(_ actions: [SessionAction]) {
    for action in actions {
      if case .closed = phase { return }
      switch action {
      case .send(let bytes, let description):
        setup.logger.trace("sent", metadata: ["command": "\(description)"])
        do { try send(bytes) } catch { fail(.broken("\(error)")) }
      case .needPassword: askForPassword()
      case .derive(let derivation): derive(derivation)
      case .alert(let text, let isProtected):
        let place = setup.endpoint.transport.name
        setup.logger.warning(
          isProtected
            ? "\(place): the server's alert: \(text)"
            : "\(place): an alert that came without TLS, so perhaps not from the server: \(text)")
      case .startTLS: phase = .startingTLS
      case .compress: compress()
      case .established(let capabilities, let facts):
        var capabilities = capabilities
        capabilities.usesUTF8Names = facts.hasEnabledUTF8
        let session = Session(capabilities: capabilities, facts: facts)
        phase = .ready(session)
        watch.stop()
        established.succeed(session)
      case .fail(let failure): fail(.session(failure))
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
    // Nothing of this parser's is to be heard again.
    parser = ResponseParser()
    phase = .handshake
    run(machine.bytesBufferedAtStartTLS(count))
    guard case .handshake = phase, let context else { return }
    guard count == 0, let tls = setup.tls else {
      return fail(.session(.protocolViolation("bytes came with the answer to STARTTLS")))
    }
    do { try setup.startTLS(tls, in: context) } catch { fail(.transport(.tls(error))) }
  }

  private func compress() {
    guard let context else { return }
    do {
      let compression = try CompressionHandler()
      try context.pipeline.syncOperations.addHandler(compression, position: .before(self))
      newCompression = compression
    } catch {
      fail(.broken("\(error)"))
    }
  }

  // MARK: Operations

  func enqueue(_ operation: any Operation) {
    if case .closed(let error) = phase { return operation.fail(error) }
    commands.enqueue(operation)
    pump()
  }

  /// Sends what may be sent, all of it in one write.
  func pump() {
    guard case .ready(let session) = phase else { return }
    do {
      try send(commands.takeOutput(session.capabilities))
    } catch {
      return fail(.broken("\(error)"))
    }
    if commands.current?.maySayNothing ?? true { watch.stop() } else if let context { watch.start(context.eventLoop) }
    resumeReading()
  }

  private func send(_ bytes: [UInt8]) throws {
    guard !bytes.isEmpty, let context else { return }
    try Step.$faults.withValue(setup.faults) { try Step.pass(.networkWrite) }
    setup.shared.update { $0.sent &+= UInt64(bytes.count) }
    context.writeAndFlush(Self.wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: nil)
  }

  /// Octets of a message that belong to a command under way.
  func write(body: ByteBuffer, _ promise: EventLoopPromise<Void>) {
    guard case .ready = phase, let context else { return promise.fail(ConnectionError.closed) }
    do {
      try Step.$faults.withValue(setup.faults) { try Step.pass(.networkWrite) }
    } catch {
      promise.fail(error)
      return fail(.broken("\(error)"))
    }
    setup.shared.update { $0.sent &+= UInt64(body.readableBytes) }
    // While we send, the server has nothing to say.
    watch.progress()
    context.writeAndFlush(Self.wrapOutboundOut(body), promise: promise)
  }

  // MARK: Holding back

  func read(context: ChannelHandlerContext) {
    if mayRead() { context.read() } else { heldRead = true }
  }

  private func mayRead() -> Bool {
    if commands.current?.holdsReading == true { return false }
    guard let context else { return true }
    let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
    let eventLoop = context.eventLoop
    return setup.budget.mayRead(owner) { eventLoop.execute { handler.value.resumeReading() } }
  }

  /// Reads on where reading was held back and may go on.
  func resumeReading() {
    guard heldRead, let context, mayRead() else { return }
    heldRead = false
    watch.progress()
    context.read()
  }

  // MARK: Silence

  /// The server may be gone: what it owes us, now or next, is to begin within that time.
  func hurry(within limit: TimeAmount) {
    if let context { watch.hurry(limit, context.eventLoop) }
  }

  private var waitingFor: String {
    switch phase {
    case .connecting: "the connection"
    case .session: "the login"
    case .startingTLS, .handshake: "the TLS handshake"
    case .ready: commands.current?.name ?? "nothing"
    case .closed: "the end"
    }
  }

  // MARK: The end

  /// Ends the connection; all that waits for it fails with the first error.
  func fail(_ error: ConnectionError) {
    if case .closed = phase { return }
    phase = .closed(error)
    watch.stop()
    setup.shared.update { $0.isOpen = false }
    setup.budget.stopWaiting(owner)
    established.fail(error)
    commands.failAll(error)
    context?.close(promise: nil)
  }
}

extension IOError {
  /// For a person.
  var shortText: String {
    errnoCode == ECONNRESET ? "the server reset it" : String(cString: strerror(errnoCode))
  }
}
