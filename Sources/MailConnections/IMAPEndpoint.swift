import Transport

/// One account's way to its server.
package struct IMAPEndpoint: Sendable {
  package var transport: TransportSettings
  package var user: String
  /// Asked once for each connection, when the server is ready for it.
  package var password: @Sendable () async throws -> [UInt8]
  /// In the order to prefer; nil for the strongest that both sides have.
  package var mechanisms: [String]?
  /// Credentials may go out without TLS.
  package var allowCleartext: Bool
  /// For each wait for any progress from the server.
  package var timeout: Duration
  /// What we call ourselves to the server (RFC 2971).
  package var clientID: [String: String]

  package init(
    transport: TransportSettings, user: String, password: @escaping @Sendable () async throws -> [UInt8],
    mechanisms: [String]? = nil, allowCleartext: Bool = false, timeout: Duration = .seconds(60),
    clientID: [String: String] = ["name": "mailmirror"]
  ) {
    self.transport = transport
    self.user = user
    self.password = password
    self.mechanisms = mechanisms
    self.allowCleartext = allowCleartext
    self.timeout = timeout
    self.clientID = clientID
  }
}
