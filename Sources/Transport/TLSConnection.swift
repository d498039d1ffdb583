import COpenSSL
import NIOCore

/// One TLS connection as a client: ciphertext goes in and comes out of it, and no socket is touched. Used on one event
/// loop only.
final class TLSConnection {
  enum HandshakeState {
    case done
    case waiting
  }

  enum ReadResult {
    case bytes
    /// All that came is read.
    case waiting
    /// The peer's close_notify.
    case closed
  }

  private let context: TLSContext
  private let host: String
  private let ssl: OpaquePointer
  private let fromPeer = ReceivedBytes()
  /// Owned by `ssl`.
  private let toPeer: OpaquePointer
  /// `ssl` holds its address.
  private let verdict = PeerVerdict()

  init(context: TLSContext, host: String) throws(TLSFailure) {
    self.context = context
    self.host = host
    ERR_clear_error()
    guard let ssl = SSL_new(context.pointer) else {
      throw .handshake(reason: OpenSSLErrors.takeAll() ?? "OpenSSL can't make a connection")
    }
    guard let source = fromPeer.makeBIO() else {
      SSL_free(ssl)
      throw .handshake(reason: "out of memory")
    }
    guard let toPeer = BIO_new(BIO_s_mem()) else {
      BIO_free(source)
      SSL_free(ssl)
      throw .handshake(reason: "out of memory")
    }
    self.ssl = ssl
    self.toPeer = toPeer
    // An empty buffer means "not yet", not the end.
    _ = mm_BIO_set_mem_eof_return(toPeer, -1)
    SSL_set_bio(ssl, source, toPeer)
    _ = SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(verdict).toOpaque())
    try expectPeer()
    context.offerSession(to: ssl)
    SSL_set_connect_state(ssl)
  }

  deinit { SSL_free(ssl) }

  private var isAddress: Bool { (try? SocketAddress(ipAddress: host, port: 0)) != nil }
  private var nameWithoutDot: String { host.hasSuffix(".") ? String(host.dropLast()) : host }

  private func expectPeer() throws(TLSFailure) {
    let set: Bool
    if isAddress {
      set = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
    } else {
      SSL_set_hostflags(ssl, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
      set = SSL_set1_host(ssl, nameWithoutDot) == 1 && mm_SSL_set_tlsext_host_name(ssl, nameWithoutDot) == 1
    }
    guard set, !host.isEmpty else { throw .handshake(reason: "\(host) can't be a server's name") }
  }

  /// Ciphertext from the peer, which is read while `body` runs.
  func receive(_ bytes: UnsafeRawBufferPointer, _ body: () -> Void) {
    fromPeer.lend(bytes)
    body()
    fromPeer.endLending()
  }

  /// Lets go of the buffers of a connection on which nothing is under way.
  func releaseBuffers() { SSL_free_buffers(ssl) }

  /// Moves the ciphertext for the peer into `buffer`.
  func takeOutput(into buffer: inout ByteBuffer) {
    let pending = Int(BIO_ctrl_pending(toPeer))
    guard pending > 0 else { return }
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: pending) { space in
      Int(max(BIO_read(toPeer, space.baseAddress, Int32(min(space.count, pending))), 0))
    }
  }

  func handshake() throws(TLSFailure) -> HandshakeState {
    ERR_clear_error()
    let result = SSL_do_handshake(ssl)
    guard result != 1 else {
      try checkPeerOfResumedSession()
      return .done
    }
    let error = SSL_get_error(ssl, result)
    if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE { return .waiting }
    throw handshakeFailure()
  }

  /// A resumed session brings no certificate, so that nothing was verified in this handshake.
  private func checkPeerOfResumedSession() throws(TLSFailure) {
    guard let certificate = SSL_get1_peer_certificate(ssl) else {
      throw .handshake(reason: "the server has no certificate")
    }
    defer { X509_free(certificate) }
    let seen = PeerVerdict.fingerprint(of: certificate)
    guard context.accepts(fingerprint: seen) else { throw .fingerprintDiffers(seen: seen) }
    guard SSL_get_verify_result(ssl) == Int(X509_V_OK) else {
      throw .untrusted(reason: Self.verifyText(Int(SSL_get_verify_result(ssl))))
    }
  }

  private func handshakeFailure() -> TLSFailure {
    let reason = ERR_GET_REASON(ERR_peek_error())
    let text = OpenSSLErrors.takeAll() ?? "the server ended it"
    switch reason {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return certificateFailure()
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW:
      return .protocolVersion
    case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST: return .notTLS
    default: return .handshake(reason: text)
    }
  }

  private func certificateFailure() -> TLSFailure {
    guard verdict.error != 0 else { return .fingerprintDiffers(seen: verdict.fingerprint) }
    switch Int32(truncatingIfNeeded: verdict.error) {
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
      return .wrongHost(host: host, names: verdict.names)
    case X509_V_ERR_CERT_HAS_EXPIRED: return .expired(host: host)
    case X509_V_ERR_CERT_NOT_YET_VALID: return .notYetValid(host: host)
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return .selfSigned(fingerprint: verdict.fingerprint)
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
      X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return .unknownAuthority(issuer: verdict.issuer)
    default: return .untrusted(reason: Self.verifyText(verdict.error))
    }
  }

  private static func verifyText(_ code: Int) -> String {
    X509_verify_cert_error_string(code).map { String(cString: $0) } ?? "error \(code)"
  }

  /// Decrypts into the free space of `buffer`.
  func read(into buffer: inout ByteBuffer) throws(TLSFailure) -> ReadResult {
    while buffer.writableBytes > 0 {
      ERR_clear_error()
      var count = 0
      var result: Int32 = 0
      buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { space in
        result = SSL_read_ex(ssl, space.baseAddress, space.count, &count)
        return result == 1 ? count : 0
      }
      if result == 1 { continue }
      switch SSL_get_error(ssl, result) {
      case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return buffer.readableBytes > 0 ? .bytes : .waiting
      case SSL_ERROR_ZERO_RETURN: return buffer.readableBytes > 0 ? .bytes : .closed
      default:
        // With TLS 1.3 our part of the handshake is done before the server says this.
        let reason = ERR_GET_REASON(ERR_peek_error())
        let text = OpenSSLErrors.takeAll() ?? "the data can't be decrypted"
        throw reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ? .clientCertificateWanted : .broken(reason: text)
      }
    }
    return .bytes
  }

  /// Encrypts all of it; possible once the handshake is done.
  func write(_ bytes: UnsafeRawBufferPointer) throws(TLSFailure) {
    var rest = bytes
    while !rest.isEmpty {
      ERR_clear_error()
      var count = 0
      let result = SSL_write_ex(ssl, rest.baseAddress, rest.count, &count)
      guard result == 1, count > 0 else {
        throw .broken(reason: OpenSSLErrors.takeAll() ?? "the data can't be encrypted")
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Puts our close_notify into the output.
  func close() {
    ERR_clear_error()
    _ = SSL_shutdown(ssl)
    ERR_clear_error()
  }

  var version: String { SSL_get_version(ssl).map { String(cString: $0) } ?? "TLS" }
  var isResumed: Bool { SSL_session_reused(ssl) == 1 }

  /// Once the handshake is done. The exporter names this very connection, but before TLS 1.3 only where both ends have
  /// an extension (RFC 9266 section 4.2); the certificate's digest names the server.
  var channelBindings: [TLSChannelBinding] {
    var bindings: [TLSChannelBinding] = []
    if SSL_version(ssl) >= TLS1_3_VERSION, let data = exported(label: "EXPORTER-Channel-Binding", octets: 32) {
      bindings.append(TLSChannelBinding(type: "tls-exporter", data: data))
    }
    if let data = serverEndPoint { bindings.append(TLSChannelBinding(type: "tls-server-end-point", data: data)) }
    return bindings
  }

  private func exported(label: String, octets: Int) -> [UInt8]? {
    var output = [UInt8](repeating: 0, count: octets)
    return SSL_export_keying_material(ssl, &output, octets, label, label.utf8.count, nil, 0, 0) == 1 ? output : nil
  }

  /// By the hash of the certificate's signature, SHA-256 in the place of MD5 and SHA-1; nil for a signature without one.
  private var serverEndPoint: [UInt8]? {
    guard let certificate = SSL_get1_peer_certificate(ssl) else { return nil }
    defer { X509_free(certificate) }
    var hash: Int32 = NID_undef
    guard X509_get_signature_info(certificate, &hash, nil, nil, nil) == 1 else { return nil }
    if hash == NID_md5 || hash == NID_sha1 { hash = NID_sha256 }
    guard hash != NID_undef, let function = EVP_get_digestbyname(OBJ_nid2sn(hash)) else { return nil }
    var output = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard X509_digest(certificate, function, &output, &length) == 1 else { return nil }
    return Array(output.prefix(Int(length)))
  }
}
