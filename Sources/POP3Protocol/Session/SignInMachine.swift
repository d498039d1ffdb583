import MailModel
import SASL

/// From the greeting to a signed-in session: what the server says in, actions out.
///
/// What an attacker on the wire can say before TLS decides nothing after it: capabilities are asked for again, the
/// greeting's timestamp counts no more, and any octet that comes before it was asked for, or together with the answer to
/// STLS, ends the session.
package struct SignInMachine {
  private enum State {
    case greeting
    case capabilities(isSignedIn: Bool)
    case startTLS
    case handshake
    /// LANG and UTF8 are under way; whether the next answer is to UTF8.
    case preparing([Command])
    case password(LoginMethod)
    case user(password: [UInt8])
    /// The answer to PASS or APOP is the end of the login.
    case signingIn
    case authenticating(SASLDialogue)
    case established
    case failed
  }

  private let policy: SignInPolicy
  private let crypto: SASLCrypto
  private var state = State.greeting
  /// nil before the answer to CAPA, and for a server that has no CAPA.
  private var capabilities: ServerCapabilities?
  /// Those that an answer is listing.
  private var listed = ServerCapabilities()
  private var timestamp = APOPTimestamp.none
  private var facts = SignInFacts()
  private var hasTLS: Bool
  /// The best first; one that the server does not have is dropped.
  private var bindings: [ChannelBinding] = []
  /// While the login is under way: the secret, and what it is sent as.
  private var concealed = ConcealedSecrets()

  package init(policy: SignInPolicy, crypto: SASLCrypto) {
    self.policy = policy
    self.crypto = crypto
    hasTLS = policy.tls == .implicit
  }

  /// What names the TLS channel, best first; known before `tlsEstablished`, and with implicit TLS before the greeting.
  package mutating func bind(_ bindings: [ChannelBinding]) { self.bindings = bindings }

  package mutating func received(_ event: ReplyEvent) -> [SignInAction] {
    switch (state, event) {
    case (.established, _), (.failed, _): return []
    case (.handshake, _): return fail(.protocolViolation("it went on in the clear after its answer to STLS"))
    case (_, .reply(let reply, let line)): return received(reply, line)
    case (_, .challenge(let bytes)): return challenged(Array(bytes))
    case (.capabilities, .line(let line)):
      listed.add(line: line)
      return []
    case (.capabilities(let isSignedIn), .end): return capabilitiesListed(isSignedIn: isSignedIn)
    case (_, .line), (_, .overlongLine), (_, .message), (_, .end): return []
    }
  }

  private mutating func received(_ reply: Reply, _ line: UnsafeRawBufferPointer) -> [SignInAction] {
    switch state {
    case .greeting: return greeted(reply, line)
    case .capabilities(let isSignedIn):
      // A server without CAPA has what RFC 1939 has.
      return reply.isOK ? [] : isSignedIn ? establish() : advance()
    case .startTLS:
      guard reply.isOK else { return fail(.tlsRequired("the server refused STLS: \(shown(reply.text).text)")) }
      // What was said in the clear counts no more.
      capabilities = nil
      timestamp = .none
      facts.greeting = ""
      state = .handshake
      return [.startTLS]
    case .preparing(let commands):
      // A refusal costs an extension, not the session.
      if reply.isOK, commands.first == .utf8 { facts.hasUTF8Mode = true }
      state = .preparing(Array(commands.dropFirst()))
      return commands.count > 1 ? [] : chooseLogin()
    case .user(let password):
      guard reply.isOK else { return refused(reply.text) }
      state = .signingIn
      return send(.password(password), description: "PASS ...")
    case .signingIn: return reply.isOK ? signedIn() : refused(reply.text)
    case .authenticating(let dialogue): return authenticated(reply, dialogue)
    case .handshake, .password, .established, .failed: return []
    }
  }

  // MARK: Before the login

  private mutating func greeted(_ reply: Reply, _ line: UnsafeRawBufferPointer) -> [SignInAction] {
    guard reply.isOK else { return fail(.greetedWithError(shown(reply.text))) }
    facts.greeting = reply.text.text
    timestamp = APOPTimestamp(greeting: line)
    return askCapabilities(isSignedIn: false)
  }

  private mutating func askCapabilities(isSignedIn: Bool) -> [SignInAction] {
    listed = ServerCapabilities()
    state = .capabilities(isSignedIn: isSignedIn)
    return send(.capabilities)
  }

  private mutating func capabilitiesListed(isSignedIn: Bool) -> [SignInAction] {
    capabilities = listed
    return isSignedIn ? establish() : advance()
  }

  /// The next step to a login, now that the capabilities are known.
  private mutating func advance() -> [SignInAction] {
    if policy.tls == .startTLS, !hasTLS {
      guard capabilities?.hasStartTLS == true else { return fail(.tlsRequired("the server does not offer STLS")) }
      state = .startTLS
      return send(.startTLS)
    }
    if policy.tls == .none(allowCredentials: false) { return chooseLogin() }
    return prepare()
  }

  /// The handshake is done and the server's certificate is verified.
  package mutating func tlsEstablished() -> [SignInAction] {
    guard case .handshake = state else { return [] }
    hasTLS = true
    return askCapabilities(isSignedIn: false)
  }

  /// What had come beyond the answer to STLS: anything at all ends the session.
  package mutating func bytesBufferedAtStartTLS(_ count: Int) -> [SignInAction] {
    guard case .handshake = state, count > 0 else { return [] }
    return fail(.protocolViolation("it sent \(count) octets in the clear along with its answer to STLS"))
  }

  /// Texts in the language that we read them in, and headers as they are (RFC 6856).
  private mutating func prepare() -> [SignInAction] {
    var commands: [Command] = []
    if capabilities?.hasLanguages == true { commands.append(.language("en")) }
    if capabilities?.hasUTF8 == true { commands.append(.utf8) }
    guard !commands.isEmpty else { return chooseLogin() }
    state = .preparing(commands)
    let lines = commands.compactMap(\.line)
    let names = commands.map(\.name).joined(separator: ", ")
    return [.send(Array(lines.joined()), expecting: commands.map(\.shape), description: names)]
  }

  // MARK: The login

  private mutating func chooseLogin() -> [SignInAction] {
    switch LoginMethod.choose(policy, capabilities, timestamp, canBind: !bindings.isEmpty) {
    case .failure(let failure): return fail(failure)
    case .success(.sasl(.external)):
      facts.mechanism = SASLMechanism.external.rawValue
      return authenticate(.external, [])
    case .success(let method):
      state = .password(method)
      return [.needPassword]
    }
  }

  /// The password that `.needPassword` asked for; not kept beyond the login.
  package mutating func password(_ secret: [UInt8]) -> [SignInAction] {
    guard case .password(let method) = state else { return [] }
    facts.mechanism = method.name
    concealed.add(secret)
    switch method {
    case .sasl(let mechanism): return authenticate(mechanism, secret)
    case .user:
      state = .user(password: secret)
      return send(.user(policy.user), description: "USER ...")
    case .apop:
      guard case .wellFormed(let timestamp) = timestamp else { return [] }
      let digest = crypto.digest(.md5, timestamp + secret)
      guard digest.count == SASLHash.md5.octets else {
        return fail(.badCredentials("this system does not allow MD5, which APOP is made of"))
      }
      state = .signingIn
      return send(.apop(user: policy.user, digest: digest), description: "APOP ...")
    }
  }

  private mutating func authenticate(_ mechanism: SASLMechanism, _ secret: [UInt8]) -> [SignInAction] {
    let exchange: SASLExchange
    do throws(SASLFailure) {
      exchange = try SASLExchange(
        mechanism, SASLIdentity(user: policy.user, secret: secret, host: policy.host, port: policy.port),
        binding: .choose(
          for: mechanism, offered: capabilities?.authenticationMechanisms ?? [], wanted: policy.mechanisms,
          bindings: bindings), crypto: crypto)
    } catch {
      return fail(SessionFailure(error))
    }
    let initial = exchange.initialResponse
    if let initial { concealed.add(initial) }
    let atOnce = Command.authenticate(mechanism: mechanism.rawValue, initialResponse: initial)
    let isShort = atOnce.line.map { $0.count <= Command.longestLine } ?? false
    let isAtOnce =
      SASLMechanism.forTokens.contains(mechanism)
      ? policy.tokenForm == .atOnce && (isShort || mechanism == .xoauth2) : isShort
    if isAtOnce {
      state = .authenticating(SASLDialogue(exchange, pending: nil))
      return send(atOnce, description: "AUTH \(mechanism.rawValue)")
    }
    state = .authenticating(SASLDialogue(exchange, pending: initial))
    return send(.authenticate(mechanism: mechanism.rawValue, initialResponse: nil))
  }

  private mutating func challenged(_ bytes: [UInt8]) -> [SignInAction] {
    guard case .authenticating(var dialogue) = state else {
      return fail(.protocolViolation("it sent a challenge that nothing had asked for"))
    }
    do throws(SessionFailure) {
      let step = try dialogue.challenged(bytes)
      state = .authenticating(dialogue)
      switch step {
      case .answer(let answer): return sendAnswer(answer)
      case .derive(let derivation): return [.derive(derivation)]
      }
    } catch {
      return fail(error)
    }
  }

  /// What `.derive` asked for; empty where it can't be done.
  package mutating func derived(_ key: [UInt8]) -> [SignInAction] {
    guard case .authenticating(var dialogue) = state else { return [] }
    do throws(SessionFailure) {
      guard let answer = try dialogue.derived(key) else { return [] }
      state = .authenticating(dialogue)
      return sendAnswer(answer)
    } catch {
      return fail(error)
    }
  }

  private func sendAnswer(_ answer: [UInt8]) -> [SignInAction] {
    [.send(SASLDialogue.line(answer), expecting: [.exchange], description: "AUTH: ...")]
  }

  private mutating func authenticated(_ reply: Reply, _ dialogue: SASLDialogue) -> [SignInAction] {
    guard reply.isOK else {
      guard dialogue.wantsOtherBinding, bindings.count > 1 else { return refused(reply.text) }
      bindings.removeFirst()
      return chooseLogin()
    }
    do throws(SessionFailure) { try dialogue.accepted() } catch { return fail(error) }
    return signedIn()
  }

  private mutating func refused(_ text: ReplyText) -> [SignInAction] {
    fail(.loginRefused(shown(text), capabilities))
  }

  // MARK: After the login

  private mutating func signedIn() -> [SignInAction] {
    concealed.forget()
    guard let capabilities, !capabilities.mayChangeAtLogin else { return askCapabilities(isSignedIn: true) }
    return establish()
  }

  private mutating func establish() -> [SignInAction] {
    state = .established
    return [.established(capabilities ?? ServerCapabilities(), facts)]
  }

  // MARK: Sending and failing

  private mutating func send(_ command: Command, description: String? = nil) -> [SignInAction] {
    guard let line = command.line else {
      return fail(.badCredentials("the user name or the password holds a character that can't be sent"))
    }
    return [.send(line, expecting: [command.shape], description: description ?? command.name)]
  }

  private func shown(_ text: ReplyText) -> ReplyText {
    ReplyText(
      code: text.code, text: concealed.shown(text.text, isBeforeTLS: policy.tls == .startTLS && !hasTLS))
  }

  private mutating func fail(_ failure: SessionFailure) -> [SignInAction] { fail(.session(failure)) }

  private mutating func fail(_ failure: SignInFailure) -> [SignInAction] {
    state = .failed
    concealed.forget()
    return [.fail(failure)]
  }
}
