import POP3Protocol
import SASL
import Transport

extension ServerEndpoint {
  /// What the POP3 sign-in needs to know.
  var signInPolicy: SignInPolicy {
    let tls: SignInPolicy.TLS =
      switch transport.tls {
      case .implicit: .implicit
      case .startTLS: .startTLS
      case .none: .none(allowCredentials: allowCleartext || transport.isLoopback || transport.tunnel != nil)
      }
    return SignInPolicy(
      tls: tls, user: user, credential: credentials.kind, host: transport.tunnel == nil ? transport.host : "",
      port: transport.port, mechanisms: mechanisms,
      tokenForm: transport.endsSessionAtLongLines ? .afterChallenge : .atOnce)
  }
}

extension TransportSettings {
  /// Outlook, Exchange Online: a token on the line of AUTH is answered by `-ERR Protocol error. Connection is closed. 10`
  /// (getmail6 issue 256, mpop issue 11, MailKit issue 1948); Microsoft's own page on OAuth with POP wants two lines. Of
  /// the hosts, `outlook.office365.com` is the one in those reports and `pop-mail.outlook.com` that of older accounts;
  /// the others are those of Microsoft's national clouds. A host that is missing here costs one connection, since
  /// the other form is tried when a session ends so.
  fileprivate var endsSessionAtLongLines: Bool {
    let host = host.lowercased()
    return ["office365.com", "outlook.com", "office365.us", "outlook.de", "partner.outlook.cn"].contains {
      host == $0 || host.hasSuffix("." + $0)
    }
  }
}

extension SignInPolicy.TokenForm {
  var other: SignInPolicy.TokenForm { self == .atOnce ? .afterChallenge : .atOnce }
}

extension POP3Failure {
  init(_ failure: SignInFailure) {
    switch failure {
    case .session(let failure): self = .session(failure)
    case .wait(let reason, let seconds, let text):
      self = .wait(POP3Wait(kind: reason, after: seconds.map { .seconds($0) }, text: text))
    }
  }
}
