import MailModel
import SASL

/// How to sign in.
enum LoginMethod: Hashable, Sendable {
  case sasl(SASLMechanism)
  /// USER and PASS (RFC 1939 section 7).
  case user
  case apop

  private static let all = SASLMechanism.allCases.map(LoginMethod.sasl) + [.user, .apop]

  var name: String {
    switch self {
    case .sasl(let mechanism): mechanism.rawValue
    case .user: "USER"
    case .apop: "APOP"
    }
  }

  /// By the name that a person writes; `login` is also what IMAP calls the like of USER and PASS.
  private static func named(_ name: String) -> [LoginMethod] {
    let name = name.asciiUppercased()
    return all.filter { $0.name == name } + (name == "LOGIN" ? [.user] : [])
  }

  /// What can send what we have, strongest first. APOP hides the password from whoever listens and from no one else, so
  /// it comes before a password in the clear and, inside TLS, after all. AUTH LOGIN comes before USER, which Dovecot
  /// announces without PLAIN, too, and then refuses.
  private static func candidates(_ policy: SignInPolicy) -> [LoginMethod] {
    switch policy.credential {
    case .password:
      let isInsideTLS = if case .none = policy.tls { false } else { true }
      let sasl = SASLMechanism.forPasswords(insideTLS: isInsideTLS).map(LoginMethod.sasl)
      if isInsideTLS { return sasl + [.sasl(.login), .user, .apop] }
      return sasl.filter { $0 != .sasl(.plain) } + [.apop, .sasl(.plain), .sasl(.login), .user]
    case .token: return SASLMechanism.forTokens.map(LoginMethod.sasl)
    case .none: return [.sasl(.external)]
    }
  }

  /// Sends what whoever listens without TLS can use.
  private var showsPassword: Bool { self == .user || self == .sasl(.plain) || self == .sasl(.login) }

  /// The first of the person's methods, else the strongest, that the server offers. Nothing shows the password without
  /// TLS to a server whose APOP timestamp is forged.
  /// - Parameter capabilities: nil where the server has no CAPA, and so may have only what RFC 1939 has.
  static func choose(
    _ policy: SignInPolicy, _ capabilities: ServerCapabilities?, _ timestamp: APOPTimestamp, canBind: Bool
  ) -> Result<LoginMethod, SessionFailure> {
    if policy.tls == .none(allowCredentials: false) {
      return .failure(.tlsRequired("there is no TLS, and the configuration does not allow a login in the clear"))
    }
    let isInTheClear = if case .none = policy.tls { true } else { false }
    let mechanisms = capabilities?.authenticationMechanisms ?? []
    let hasUser = capabilities?.hasUser ?? true
    let candidates = candidates(policy)
    let wanted = policy.mechanisms.map { names in
      names.flatMap(named).filter { $0 == .sasl(.external) || candidates.contains($0) }
    }
    let usable = (wanted ?? candidates).first { method in
      switch method {
      case .sasl(let mechanism): mechanisms.contains(mechanism.rawValue) && (canBind || !mechanism.isBound)
      case .user: hasUser
      case .apop: timestamp != .none
      }
    }
    if timestamp == .forged, let usable, usable == .apop || isInTheClear && usable.showsPassword {
      return .failure(
        .protocolViolation("the APOP timestamp in its greeting is forged, so no credentials were sent"))
    }
    if let usable { return .success(usable) }
    if isInTheClear, capabilities?.hasStartTLS == true, !hasUser, mechanisms.isEmpty {
      return .failure(.tlsRequired("the server wants TLS before a login"))
    }
    let others = (hasUser ? ["USER"] : []) + (timestamp == .none ? [] : ["APOP"])
    return .failure(.noCommonMechanism(offered: mechanisms + others))
  }
}

extension SignInFailure {
  /// What -ERR to the last step of a login means (RFC 2449 section 8, RFC 3206). A server that says `[AUTH]` of wrong
  /// credentials means something else where it doesn't.
  static func loginRefused(_ text: ReplyText, _ capabilities: ServerCapabilities?) -> SignInFailure {
    if let pause = pause(text, capabilities) { return pause }
    switch text.code {
    case .systemPermanent: return .session(.unavailable(text.text))
    case .authentication: return .session(.authenticationRefused(text.text))
    default:
      let isOther = capabilities?.hasAuthenticationCode == true
      return .session(isOther ? .unavailable(text.text) : .authenticationRefused(text.text))
    }
  }

  /// What -ERR in place of a greeting means.
  static func greetedWithError(_ text: ReplyText) -> SignInFailure {
    pause(text, nil) ?? .session(text.code == .systemPermanent ? .unavailable(text.text) : .bye(text.text))
  }

  private static func pause(_ text: ReplyText, _ capabilities: ServerCapabilities?) -> SignInFailure? {
    guard let reason = text.pauseReason else { return nil }
    let announced = reason == .loginDelay ? capabilities?.loginDelay : nil
    return .wait(reason, seconds: text.secondsInWords ?? announced, text: text.text)
  }
}
