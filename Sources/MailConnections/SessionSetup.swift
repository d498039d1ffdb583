import Crypto
import IMAPProtocol
import SASL
import Transport

extension ServerEndpoint {
  /// What the session machine needs to know.
  var policy: SessionPolicy {
    let tls: SessionPolicy.TLS =
      switch transport.tls {
      case .implicit: .implicit
      case .startTLS: .startTLS
      case .none: .none(allowCredentials: allowCleartext || transport.isLoopback || transport.tunnel != nil)
      }
    return SessionPolicy(
      tls: tls, user: user, credential: credentials.kind, host: transport.tunnel == nil ? transport.host : "",
      port: transport.port, mechanisms: mechanisms, clientID: clientID, enableResync: true,
      compress: transport.compressionPays && compression.trouble == nil)
  }
}

extension TransportSettings {
  /// On every way that has a price: also where a connection only watches, since lists of mailboxes shrink most; some
  /// 100 kB of memory a connection. On this computer octets cost less than compressing them does.
  fileprivate var compressionPays: Bool { tunnel != nil || !isLoopback }

  /// The host is this computer, by address or by the one name that always means it.
  var isLoopback: Bool {
    let host = host.lowercased()
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}

extension SASLCrypto {
  static var openSSL: SASLCrypto {
    SASLCrypto(
      nonce: {
        // 64 characters, so that each carries 6 bits.
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        return RandomBytes.make(24).map { alphabet[Int($0 & 63)] }
      },
      digest: { hash, data in hash.function.digest(data) },
      hmac: { hash, key, data in hash.function.hmac(key: key, data) })
  }
}

extension SASLDerivation {
  /// Empty where it can't be done. It may take a second.
  func compute() -> [UInt8] { hash.function.pbkdf2(password: password, salt: salt, iterations: iterations) }
}

extension SASLHash {
  fileprivate var function: HashFunction {
    switch self {
    case .md5: .md5
    case .sha1: .sha1
    case .sha256: .sha256
    }
  }
}
