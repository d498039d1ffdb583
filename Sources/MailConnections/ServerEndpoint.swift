import Transport

/// One account's way to its server.
package struct ServerEndpoint: Sendable {
  package var transport: TransportSettings
  package var user: String
  package var credentials: Credentials
  /// In the order to prefer; nil for the strongest that both sides have.
  package var mechanisms: [String]?
  /// Credentials may go out without TLS.
  package var allowCleartext: Bool
  /// For each wait for any progress from the server.
  package var timeout: Duration
  package let compression = CompressionTrust()
  /// What we call ourselves to an IMAP server (RFC 2971).
  package var clientID: [String: String]

  package init(
    transport: TransportSettings, user: String, credentials: Credentials, mechanisms: [String]? = nil,
    allowCleartext: Bool = false, timeout: Duration = .seconds(60), clientID: [String: String] = ["name": "mailmirror"]
  ) {
    self.transport = transport
    self.user = user
    self.credentials = credentials
    self.mechanisms = mechanisms
    self.allowCleartext = allowCleartext
    self.timeout = timeout
    self.clientID = clientID
  }
}
