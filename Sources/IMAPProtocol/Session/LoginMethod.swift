import MailModel
import SASL

/// How to log in.
enum LoginMethod: Hashable, Sendable {
  case sasl(SASLMechanism)
  /// The LOGIN command (RFC 3501 section 6.2.3).
  case loginCommand

  /// The mechanism LOGIN has nothing that the command has not.
  private static let all = SASLMechanism.allCases.filter { $0 != .login }.map(LoginMethod.sasl) + [.loginCommand]

  /// What can send what we have, strongest first. EXTERNAL says nothing of ours but a name, so it is taken by itself
  /// only where there is nothing else, and always where it is asked for by name.
  private static func candidates(_ policy: SessionPolicy) -> [LoginMethod] {
    let isInsideTLS = if case .none = policy.tls { false } else { true }
    return switch policy.credential {
    case .password: SASLMechanism.forPasswords(insideTLS: isInsideTLS).map(LoginMethod.sasl) + [.loginCommand]
    case .token: SASLMechanism.forTokens.map(LoginMethod.sasl)
    case .none: [.sasl(.external)]
    }
  }

  var name: String {
    switch self {
    case .sasl(let mechanism): mechanism.rawValue
    case .loginCommand: "LOGIN"
    }
  }

  /// The first of the configured methods, else the strongest, that the server offers.
  static func choose(
    _ policy: SessionPolicy, _ capabilities: CapabilitySet, canBind: Bool
  ) -> Result<LoginMethod, SessionFailure> {
    if policy.tls == .none(allowCredentials: false) {
      return .failure(.tlsRequired("there is no TLS, and the configuration does not allow a login in the clear"))
    }
    let offered = capabilities.authenticationMechanisms
    let candidates = candidates(policy)
    let wanted = policy.mechanisms.map { names in
      names.compactMap { name in all.first { $0.name.asciiLowercased() == name.asciiLowercased() } }
        .filter { $0 == .sasl(.external) || candidates.contains($0) }
    }
    let usable = (wanted ?? candidates).first { method in
      switch method {
      case .sasl(let mechanism): offered.contains(mechanism.rawValue) && (canBind || !mechanism.isBound)
      case .loginCommand: !capabilities.loginDisabled
      }
    }
    if let usable { return .success(usable) }
    if case .none = policy.tls, capabilities.loginDisabled {
      return .failure(.tlsRequired("the server wants TLS before a login"))
    }
    return .failure(.noCommonMechanism(offered: offered + (capabilities.loginDisabled ? [] : ["LOGIN"])))
  }
}

extension SessionFailure {
  /// What a NO or BAD to LOGIN or AUTHENTICATE means (RFC 5530).
  static func loginRefused(_ text: ResponseText) -> SessionFailure {
    switch text.code {
    case .unavailable, .inUse, .limit, .throttled, .serverBug: .unavailable(text.text)
    case .privacyRequired: .tlsRequired("the server refused the login without TLS: \(text.text)")
    default: text.isThrottling ? .unavailable(text.text) : .authenticationRefused(text.text)
    }
  }

  static func ended(_ text: ResponseText) -> SessionFailure {
    text.wantsPause ? .unavailable(text.text) : .bye(text.text)
  }
}
