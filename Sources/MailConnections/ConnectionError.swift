import IMAPProtocol
import SASL
import Transport

/// Why a connection did not come about, ended, or did not do what was asked.
package enum ConnectionError: Error, Hashable, Sendable {
  /// The host was not found or can't be reached, or TLS failed.
  case transport(TransportError)
  /// No session came about.
  case session(SessionFailure)
  /// The password could not be had.
  case noPassword(String)
  /// The server answered NO or BAD; the connection goes on.
  case refused(command: String, ResponseText)
  /// A value that no command can carry; the connection goes on.
  case unencodable(CommandError)
  /// The results of a command can't be relied on, as a part of them could not be read; the connection goes on.
  case incomplete(command: String, String)
  /// The connection ended or can't be used any more: EOF, reset, nonsense.
  case broken(String)
  case timedOut(waitingFor: String)
  case bye(String)
  /// We closed it.
  case closed

  /// What is stopped by it.
  package enum Scope: Hashable, Sendable {
    case message
    case mailbox
    case connection
    case account
  }

  package enum Retry: Hashable, Sendable {
    /// On a new connection, after a short backoff.
    case soon
    /// After a long backoff.
    case later
    /// Not before a person has changed something.
    case never
  }

  package var scope: Scope {
    switch self {
    case .transport, .session, .noPassword: .account
    case .refused(_, let text) where text.isThrottling: .account
    case .refused, .unencodable, .incomplete: .mailbox
    case .broken, .timedOut, .bye, .closed: .connection
    }
  }

  package var retry: Retry {
    switch self {
    case .transport(.badSettings), .transport(.tls(.caFile)), .unencodable: .never
    case .transport(.tls(.clientCertificate)), .transport(.tls(.clientCertificateWanted)): .never
    case .transport(.tls(.truncated)), .transport(.tls(.broken)), .transport(.tls(.timedOut)),
      .transport(.tls(.cutInHandshake)):
      .soon
    case .transport(.tls), .transport(.tunnel), .noPassword: .later
    case .transport, .incomplete, .broken, .timedOut, .closed: .soon
    case .bye: .soon
    case .session(let failure):
      switch failure {
      case .authenticationRefused, .badCredentials, .noCommonMechanism, .tlsRequired, .serverNotAuthenticated: .never
      case .protocolViolation, .bye, .unavailable: .later
      }
    case .refused(_, let text):
      switch text.code {
      case .unavailable?, .inUse?, .throttled?, .limit?, .serverBug?: .later
      case .noPerm?, .nonexistent?, .cannot?, .contactAdmin?: .never
      default: .later
      }
    }
  }
}

extension ConnectionError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .transport(let error): error.description
    case .session(let failure): failure.description
    case .noPassword(let reason): "there is no password: \(reason)"
    case .refused(let command, let text): "the server refused \(command): \(text.text)"
    case .unencodable(let error): error.description
    case .incomplete(let command, let what): "a part of the answer to \(command) can't be read: \(what)"
    case .broken(let what): "the connection broke: \(what); it is tried again"
    case .timedOut(let what): "the server said nothing for too long while we waited for \(what); it is tried again"
    case .bye(let text): "the server ended the session: \(text)"
    case .closed: "the connection was closed"
    }
  }
}
