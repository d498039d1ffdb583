/// Why no connection came about, or why it ended.
package enum TransportError: Error, Hashable, Sendable {
  case badSettings(String)
  case nameNotFound(host: String, reason: String)
  case refused(host: String, port: Int)
  case unreachable(host: String, port: Int, reason: String)
  case timedOut(host: String, port: Int)
  case tunnel(program: String, reason: String)
  case tls(TLSFailure)
}

/// What was wrong with TLS.
package enum TLSFailure: Error, Hashable, Sendable {
  case unknownAuthority(issuer: String)
  case selfSigned(fingerprint: [UInt8])
  case expired(host: String)
  case notYetValid(host: String)
  case wrongHost(host: String, names: [String])
  case fingerprintDiffers(seen: [UInt8])
  case untrusted(reason: String)
  case protocolVersion
  case notTLS
  case timedOut
  case handshake(reason: String)
  /// The peer ended the connection before the handshake was done and did not say why.
  case cutInHandshake
  /// The stream ended without the peer's close_notify: what came before may be cut.
  case truncated
  case caFile(path: String, reason: String)
  /// `key` is that of the configuration which names the file.
  case clientCertificate(key: String, path: String, reason: String, remedy: String)
  /// The server wants to know who we are.
  case clientCertificateWanted
  case broken(reason: String)
}

extension TransportError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .badSettings(let what): "\(what); correct the configuration"
    case .nameNotFound(let host, let reason): "the name \(host) was not found (\(reason)); check host and the network"
    case .refused(let host, let port): "\(host) refuses connections on port \(port); check host and port"
    case .unreachable(let host, let port, let reason):
      "\(host), port \(port), can't be reached: \(reason); check the network"
    case .timedOut(let host, let port):
      "\(host), port \(port), did not answer in time; check host, port and the network"
    case .tunnel(let program, let reason): "the tunnel \(program) can't be started: \(reason); check tunnel"
    case .tls(let failure): failure.description
    }
  }
}

extension TLSFailure: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unknownAuthority(let issuer):
      "the server's certificate is signed by an authority that is not trusted (\(issuer)); "
        + "set tls_ca_file or tls_fingerprint if you know it"
    case .selfSigned(let fingerprint):
      "the server's certificate is signed by itself; if you know it, set tls_fingerprint = "
        + "\"\(Self.text(fingerprint))\""
    case .expired(let host): "the certificate of \(host) has expired; the server's operator must renew it"
    case .notYetValid(let host): "the certificate of \(host) is not valid yet; check this computer's clock"
    case .wrongHost(let host, let names):
      "the server's certificate is not for \(host) but for "
        + (names.isEmpty ? "no host at all" : names.joined(separator: ", ")) + "; check host"
    case .fingerprintDiffers(let seen):
      "the server's certificate has the fingerprint \(Self.text(seen)), not that of tls_fingerprint; "
        + "change it only if you know that the server has a new certificate"
    case .untrusted(let reason): "the server's certificate is not accepted: \(reason)"
    case .protocolVersion: "the server has no TLS 1.2 or later; its operator must update it"
    case .timedOut: "the server did not answer in time in the TLS handshake; check host, port, tls and the network"
    case .notTLS: "the server does not answer with TLS; check tls and port"
    case .cutInHandshake: "the TLS handshake failed: the server closed the connection; check tls and port"
    case .handshake(let reason): "the TLS handshake failed: \(reason); check tls and port"
    case .truncated: "the encrypted connection was cut without being closed"
    case .caFile(let path, let reason): "tls_ca_file \(path) can't be used: \(reason)"
    case .clientCertificate(let key, let path, let reason, let remedy):
      "\(key) \(path) can't be used: \(reason); \(remedy)"
    case .clientCertificateWanted:
      "the server asks for a certificate that says who we are; set tls_client_certificate and tls_client_key"
    case .broken(let reason): "the encrypted connection broke: \(reason)"
    }
  }

  /// `sha256:` and 64 hexadecimal digits, as `tls_fingerprint` takes it.
  package static func text(_ fingerprint: [UInt8]) -> String {
    "sha256:" + fingerprint.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
