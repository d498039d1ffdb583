/// How a connection is protected.
package enum TLSMode: Hashable, Sendable {
  /// TLS from the first byte.
  case implicit
  /// Plain until the server has agreed to STARTTLS.
  case startTLS
  case none
}

/// Where a server is and how to reach and recognise it.
package struct TransportSettings: Hashable, Sendable {
  /// A name, or an IPv4 or IPv6 address without brackets.
  package var host: String
  package var port: Int
  package var tls: TLSMode
  /// PEM certificates to trust instead of the system's.
  package var caFile: String?
  /// SHA-256 of the one certificate that is accepted; replaces all other checks of it.
  package var fingerprint: [UInt8]?
  package var clientCertificate: ClientCertificate?
  /// A program and its arguments to speak to instead of the host, which is then only a name for the certificate.
  package var tunnel: [String]?
  /// For name lookup and TCP together, and again for the TLS handshake.
  package var connectTimeout: Duration

  package init(
    host: String, port: Int, tls: TLSMode, caFile: String? = nil, fingerprint: [UInt8]? = nil,
    clientCertificate: ClientCertificate? = nil, tunnel: [String]? = nil, connectTimeout: Duration = .seconds(30)
  ) {
    self.host = host
    self.port = port
    self.tls = tls
    self.caFile = caFile
    self.fingerprint = fingerprint
    self.clientCertificate = clientCertificate
    self.tunnel = tunnel
    self.connectTimeout = connectTimeout
  }

  /// `imap.example.org`, or `tunnel ssh`: for messages.
  package var name: String { tunnel.map { "tunnel \($0.first ?? "")" } ?? host }
}
