import MailConnections

/// What has to go well on the way to an account's mail, in order.
enum ConnectionStep: String, CaseIterable, Comparable {
  case connect, tls, login, mailboxes

  var name: String { rawValue }

  static func < (left: ConnectionStep, right: ConnectionStep) -> Bool {
    let all = Self.allCases
    return (all.firstIndex(of: left) ?? 0) < (all.firstIndex(of: right) ?? 0)
  }

  /// The one that an error ended.
  init(_ error: any Error) {
    switch error {
    case let error as ConnectionError: self.init(error)
    case let failure as POP3Failure: self.init(failure)
    default: self = .mailboxes
    }
  }

  private init(_ error: ConnectionError) {
    switch error {
    case .transport(.tls), .session(.tlsRequired): self = .tls
    case .transport: self = .connect
    case .session, .noPassword, .bye, .broken, .timedOut: self = .login
    case .refused, .unencodable, .incomplete, .closed: self = .mailboxes
    }
  }

  private init(_ failure: POP3Failure) {
    switch failure {
    case .transport(.tls), .session(.tlsRequired): self = .tls
    case .transport: self = .connect
    case .session, .noPassword, .wait, .dropped, .timedOut: self = .login
    case .refused, .badServer, .unknownOutcome, .closed: self = .mailboxes
    }
  }
}
