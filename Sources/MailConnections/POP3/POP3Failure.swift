import POP3Protocol
import SASL
import Transport

/// Why a POP3 session did not come about, ended, or did not do what was asked. What a session had marked for deletion
/// when it failed stays on the server, but for `.unknownOutcome`.
package enum POP3Failure: Error, Hashable, Sendable {
  /// The host was not found or can't be reached, or TLS failed.
  case transport(TransportError)
  /// No session came about: the login was refused, there is no TLS, and the like.
  case session(SessionFailure)
  /// The password could not be had.
  case noPassword(String)
  /// The server is well and says "not now".
  case wait(POP3Wait)
  /// The server answered -ERR; the session goes on.
  case refused(command: String, ReplyText)
  /// The server does not keep to the protocol; the session has ended.
  case badServer(String)
  /// The connection broke.
  case dropped(String)
  case timedOut(waitingFor: String)
  /// QUIT was sent and its reply lost, or it was -ERR: each message marked for deletion may be gone or there.
  case unknownOutcome(String)
  /// We closed it.
  case closed
}

/// A server's "not now".
package struct POP3Wait: Hashable, Sendable {
  package typealias Kind = PauseReason

  package var kind: Kind
  /// How long, where the server has said it.
  package var after: Duration?
  /// The server's words, sanitised.
  package var text: String

  package init(kind: Kind, after: Duration? = nil, text: String) {
    self.kind = kind
    self.after = after
    self.text = text
  }
}

extension POP3Failure {
  package var scope: ConnectionError.Scope {
    switch self {
    case .transport, .session, .noPassword, .wait: .account
    case .refused(_, let text) where text.code == .systemPermanent: .account
    case .refused: .message
    case .badServer, .dropped, .timedOut, .unknownOutcome, .closed: .connection
    }
  }

  package var retry: ConnectionError.Retry {
    switch self {
    case .transport(let error): ConnectionError.transport(error).retry
    case .session(let failure): ConnectionError.session(failure).retry
    case .noPassword, .wait, .refused, .badServer: .later
    case .dropped, .timedOut, .unknownOutcome, .closed: .soon
    }
  }
}

extension POP3Failure {
  /// The connection broke before it was made: no sign that host, port or TLS are wrong if it happens once.
  package var isCutInHandshake: Bool { self == .transport(.tls(.cutInHandshake)) }
}

extension POP3Failure: CustomStringConvertible {
  package var description: String {
    switch self {
    case .transport(let error): error.description
    case .session(let failure): failure.description
    case .noPassword(let reason): "there is no password: \(reason)"
    case .wait(let wait): wait.description
    case .refused(let command, let text): "the server refused \(command): \(text.text)"
    case .badServer(let what): "the server does not keep to POP3: \(what); check host and port"
    case .dropped(let what): "the connection broke: \(what); it is tried again"
    case .timedOut(let what): "the server said nothing for too long while we waited for \(what); it is tried again"
    case .unknownOutcome(let what):
      "whether the server has deleted what was fetched is not known: \(what); the next visit shows it"
    case .closed: "the connection was closed"
    }
  }
}

extension POP3Wait: CustomStringConvertible {
  package var description: String {
    switch kind {
    case .inUse: "the mailbox is in use by another session: \(text); it is tried again soon"
    case .loginDelay: "the server asks to wait longer between two visits: \(text); it is tried again later"
    case .temporary: "the server can't serve now: \(text); it is tried again later"
    }
  }
}
