import MailModel
import SASL

/// From the greeting to an authenticated session with its extensions enabled: responses in, actions out.
///
/// What an attacker on the wire can say before TLS decides nothing after it: capabilities are asked for again, and any
/// octet that comes before, or together with, the answer to STARTTLS ends the session.
package struct SessionMachine {
  package typealias Policy = SessionPolicy

  private enum State {
    case greeting
    case capabilities(tag: String, isAuthenticated: Bool)
    case startTLS(tag: String)
    case handshake
    case password(LoginMethod)
    case authenticating(tag: String, SASLDialogue)
    /// The rest of a LOGIN whose literals wait for a `+` each.
    case login(tag: String, rest: [CommandSegment])
    case preparing(SessionPreparation)
    case established
    case failed
  }

  private let policy: SessionPolicy
  private let crypto: SASLCrypto
  private var state = State.greeting
  private var capabilities: CapabilitySet?
  /// Those that came untagged while the login was under way.
  private var capabilitiesSinceLogin: CapabilitySet?
  private var facts = SessionFacts()
  private var hasTLS: Bool
  /// The best first; one that the server does not have is dropped.
  private var bindings: [ChannelBinding] = []
  /// While the login is under way: the secret, and what it is sent as.
  private var concealed = ConcealedSecrets()
  private var tagsUsed = 0

  package init(policy: SessionPolicy, crypto: SASLCrypto) {
    self.policy = policy
    self.crypto = crypto
    hasTLS = policy.tls == .implicit
  }

  package mutating func received(_ response: Response) -> [SessionAction] {
    switch state {
    case .established, .failed: return []
    default: break
    }
    let alert = alert(in: response)
    return alert + respond(to: response)
  }

  private mutating func respond(to response: Response) -> [SessionAction] {
    if case .untagged(.condition(.bye, let text)) = response { return fail(.ended(shown(text))) }
    switch state {
    case .greeting: return greeted(response)
    case .startTLS(let tag): return startTLSAnswered(response, tag: tag)
    case .handshake: return fail(.protocolViolation("it went on in the clear after its answer to STARTTLS"))
    default: break
    }
    switch response {
    case .untagged(let data):
      note(data)
      return []
    case .continuation(let continuation): return continued(continuation)
    case .tagged(let tagged): return ended(tagged)
    }
  }

  /// What names the TLS channel, best first; known before `tlsEstablished`, and with implicit TLS before the greeting.
  package mutating func bind(_ bindings: [ChannelBinding]) { self.bindings = bindings }

  /// The handshake is done and the server's certificate is verified.
  package mutating func tlsEstablished() -> [SessionAction] {
    guard case .handshake = state else { return [] }
    hasTLS = true
    return askCapabilities(isAuthenticated: false)
  }

  /// The password that `.needPassword` asked for; not kept beyond the login.
  package mutating func password(_ secret: [UInt8]) -> [SessionAction] {
    guard case .password(let method) = state else { return [] }
    facts.mechanism = method.name
    concealed.add(secret)
    switch method {
    case .loginCommand: return logIn(secret)
    case .sasl(let mechanism): return authenticate(mechanism, secret)
    }
  }

  /// What `.derive` asked for; empty where it can't be done.
  package mutating func derived(_ key: [UInt8]) -> [SessionAction] {
    guard case .authenticating(let tag, var dialogue) = state else { return [] }
    do throws(SessionFailure) {
      guard let answer = try dialogue.derived(key) else { return [] }
      state = .authenticating(tag: tag, dialogue)
      return sendAnswer(answer, tag: tag)
    } catch {
      return fail(error)
    }
  }

  /// What had come beyond the answer to STARTTLS: anything at all ends the session.
  package mutating func bytesBufferedAtStartTLS(_ count: Int) -> [SessionAction] {
    guard case .handshake = state, count > 0 else { return [] }
    return fail(.protocolViolation("it sent \(count) octets in the clear along with its answer to STARTTLS"))
  }

  // MARK: Before the login

  private mutating func greeted(_ response: Response) -> [SessionAction] {
    guard case .untagged(.condition(let condition, let text)) = response, condition == .ok || condition == .preauth
    else { return fail(.protocolViolation("its greeting is not that of an IMAP server")) }
    facts.greeting = text
    note(text)
    if condition == .preauth {
      if policy.tls == .startTLS {
        return fail(.tlsRequired("the server skips the login, and with it TLS"))
      }
      return authenticated()
    }
    return capabilities == nil ? askCapabilities(isAuthenticated: false) : advance()
  }

  /// The next step to a login, now that the capabilities are known.
  private mutating func advance() -> [SessionAction] {
    guard let capabilities else { return askCapabilities(isAuthenticated: false) }
    if policy.tls == .startTLS, !hasTLS {
      guard capabilities.hasStartTLS else { return fail(.tlsRequired("the server does not offer STARTTLS")) }
      // No one can have answered this tag in advance.
      let tag = nextTag() + String(decoding: crypto.nonce().filter(\.isLetterOrDigit).prefix(12), as: UTF8.self)
      state = .startTLS(tag: tag)
      return send(.startTLS, tag: tag)
    }
    switch LoginMethod.choose(policy, capabilities, canBind: !bindings.isEmpty) {
    case .failure(let failure): return fail(failure)
    case .success(.sasl(.external)):
      facts.mechanism = SASLMechanism.external.rawValue
      return authenticate(.external, [])
    case .success(let method):
      state = .password(method)
      return [.needPassword]
    }
  }

  private mutating func startTLSAnswered(_ response: Response, tag: String) -> [SessionAction] {
    guard case .tagged(let tagged) = response, tagged.tag == tag else {
      return fail(.protocolViolation("it sent something else before its answer to STARTTLS"))
    }
    guard tagged.status == .ok else {
      return fail(.tlsRequired("the server refused STARTTLS: \(shown(tagged.text).text)"))
    }
    // What was said in the clear counts no more.
    capabilities = nil
    facts.greeting.code = nil
    state = .handshake
    return [.startTLS]
  }

  // MARK: The login

  private mutating func authenticate(_ mechanism: SASLMechanism, _ secret: [UInt8]) -> [SessionAction] {
    let capabilities = capabilities ?? CapabilitySet()
    let exchange: SASLExchange
    do throws(SASLFailure) {
      exchange = try SASLExchange(
        mechanism, SASLIdentity(user: policy.user, secret: secret, host: policy.host, port: policy.port),
        binding: .choose(
          for: mechanism, offered: capabilities.authenticationMechanisms, wanted: policy.mechanisms, bindings: bindings),
        crypto: crypto)
    } catch {
      return fail(SessionFailure(error))
    }
    let tag = nextTag()
    let initial = exchange.initialResponse
    let isAtOnce = capabilities.hasSASLIR && initial != nil
    if let initial { concealed.add(initial) }
    state = .authenticating(tag: tag, SASLDialogue(exchange, pending: isAtOnce ? nil : initial))
    return send(.authenticate(mechanism: mechanism.rawValue, initialResponse: isAtOnce ? initial : nil), tag: tag)
  }

  private mutating func logIn(_ secret: [UInt8]) -> [SessionAction] {
    let tag = nextTag()
    do throws(CommandError) {
      let command = Command.login(user: Array(policy.user.utf8), password: secret)
      let segments = try command.encoded(tag: tag, capabilities: capabilities ?? CapabilitySet())
      return sendLogin(segments, tag: tag)
    } catch {
      return fail(.badCredentials("the user name or the password holds a character that can't be sent"))
    }
  }

  private mutating func sendLogin(_ segments: [CommandSegment], tag: String) -> [SessionAction] {
    var bytes: [UInt8] = []
    var rest = segments[...]
    while let segment = rest.popFirst(), case .bytes(let part) = segment { bytes += part }
    state = .login(tag: tag, rest: Array(rest))
    return [.send(bytes, description: "\(tag) LOGIN ...")]
  }

  private mutating func continued(_ continuation: Continuation) -> [SessionAction] {
    switch state {
    case .login(let tag, let rest) where !rest.isEmpty: return sendLogin(rest, tag: tag)
    case .authenticating(let tag, var dialogue):
      do throws(SessionFailure) {
        let step = try dialogue.challenged(continuation.bytes)
        state = .authenticating(tag: tag, dialogue)
        switch step {
        case .answer(let answer): return sendAnswer(answer, tag: tag)
        case .derive(let derivation): return [.derive(derivation)]
        }
      } catch {
        return fail(error)
      }
    // One that nobody waits for says nothing.
    default: return []
    }
  }

  private func sendAnswer(_ answer: [UInt8], tag: String) -> [SessionAction] {
    [.send(SASLDialogue.line(answer), description: "\(tag) AUTHENTICATE: ...")]
  }

  private mutating func ended(_ tagged: Tagged) -> [SessionAction] {
    switch state {
    case .capabilities(tagged.tag, let isAuthenticated): return capabilitiesAnswered(tagged, isAuthenticated)
    case .authenticating(tagged.tag, let dialogue):
      if tagged.status != .ok, dialogue.wantsOtherBinding, bindings.count > 1 {
        bindings.removeFirst()
        return advance()
      }
      guard tagged.status == .ok else { return fail(.loginRefused(shown(tagged.text))) }
      do throws(SessionFailure) { try dialogue.accepted() } catch { return fail(error) }
      return loggedIn(tagged.text)
    case .login(tagged.tag, let rest):
      guard tagged.status == .ok else { return fail(.loginRefused(shown(tagged.text))) }
      if !rest.isEmpty { return fail(.protocolViolation("it accepted a login that had not ended")) }
      return loggedIn(tagged.text)
    case .preparing(var preparation):
      guard let isCompressed = preparation.answered(tagged) else { break }
      state = .preparing(preparation)
      if isCompressed { facts.isCompressed = true }
      return (isCompressed ? [.compress] : []) + (preparation.isDone ? establish() : [])
    default: break
    }
    return fail(.protocolViolation("it answered a command that was not sent"))
  }

  private mutating func loggedIn(_ text: ResponseText) -> [SessionAction] {
    concealed.forget()
    capabilities = capabilitiesSinceLogin
    note(text)
    return authenticated()
  }

  // MARK: After the login

  private mutating func authenticated() -> [SessionAction] {
    guard let capabilities else { return askCapabilities(isAuthenticated: true) }
    var preparation = SessionPreparation(policy, capabilities)
    var bytes: [UInt8] = []
    for command in preparation.commands {
      let tag = nextTag()
      guard let part = encode(command, tag: tag) else { continue }
      preparation.sent(command, tag: tag)
      bytes += part
    }
    if preparation.isDone { return establish() }
    state = .preparing(preparation)
    return [.send(bytes, description: preparation.commands.map(\.name).joined(separator: ", "))]
  }

  private mutating func establish() -> [SessionAction] {
    state = .established
    return [.established(capabilities ?? CapabilitySet(), facts)]
  }

  // MARK: Capabilities and what else is said

  private mutating func note(_ data: Untagged) {
    switch data {
    case .capability(let names):
      let set = CapabilitySet(names)
      switch state {
      case .authenticating, .login: capabilitiesSinceLogin = set.hasIMAP4 ? set : nil
      default: capabilities = set
      }
    case .condition(_, let text): if case .preparing = state { note(text) }
    case .enabled(let names): facts.enabled += names.map { $0.asciiUppercased() }
    case .namespace(let namespaces): facts.namespaces = namespaces
    case .id(let fields): facts.serverID = fields
    default: break
    }
  }

  // MARK: The server's words

  /// An ALERT must reach the person, who must know where it may come from.
  private func alert(in response: Response) -> [SessionAction] {
    let text: ResponseText
    switch response {
    case .untagged(.condition(_, let said)): text = said
    case .tagged(let tagged): text = tagged.text
    default: return []
    }
    guard text.code == .alert, !text.text.isEmpty else { return [] }
    return [.alert(concealed.conceal(text.text), isProtected: hasTLS)]
  }

  private func shown(_ text: ResponseText) -> ResponseText {
    ResponseText(
      code: text.code, text: concealed.shown(text.text, isBeforeTLS: policy.tls == .startTLS && !hasTLS))
  }

  /// Of the codes only the capabilities count here; an APPENDUID, say, has no business in an answer to a login.
  private mutating func note(_ text: ResponseText) {
    guard case .capability(let names) = text.code else { return }
    let set = CapabilitySet(names)
    if set.hasIMAP4 { capabilities = set }
  }

  private mutating func askCapabilities(isAuthenticated: Bool) -> [SessionAction] {
    capabilities = nil
    let tag = nextTag()
    state = .capabilities(tag: tag, isAuthenticated: isAuthenticated)
    return send(.capability, tag: tag)
  }

  private mutating func capabilitiesAnswered(_ tagged: Tagged, _ isAuthenticated: Bool) -> [SessionAction] {
    guard tagged.status == .ok, let capabilities, capabilities.hasIMAP4 else {
      return fail(.protocolViolation("it does not say that it is an IMAP4rev1 server"))
    }
    return isAuthenticated ? authenticated() : advance()
  }

  // MARK: Sending

  private mutating func nextTag() -> String {
    tagsUsed += 1
    return "S\(tagsUsed)"
  }

  private func encode(_ command: Command, tag: String) -> [UInt8]? {
    guard let segments = try? command.encoded(tag: tag, capabilities: capabilities ?? CapabilitySet()),
      segments.count == 1, case .bytes(let bytes) = segments[0]
    else { return nil }
    return bytes
  }

  private mutating func send(_ command: Command, tag: String) -> [SessionAction] {
    guard let bytes = encode(command, tag: tag) else {
      return fail(.badCredentials("the \(command.name) command can't be sent"))
    }
    return [.send(bytes, description: "\(tag) \(command.name)")]
  }

  private mutating func fail(_ failure: SessionFailure) -> [SessionAction] {
    state = .failed
    concealed.forget()
    return [.fail(failure)]
  }
}

extension UInt8 {
  fileprivate var isLetterOrDigit: Bool { isDigit || (self | 0x20) &- 0x61 < 26 }
}
