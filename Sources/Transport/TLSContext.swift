import COpenSSL
import Locks

/// The OpenSSL context of one server: what is trusted, and the sessions that can be resumed.
///
/// OpenSSL counts references to an `SSL_CTX` and locks inside, so that several threads may use one; the sessions are
/// guarded by the mutex.
package final class TLSContext: @unchecked Sendable {
  let pointer: OpaquePointer
  private let fingerprint: [UInt8]?
  private let sessions = Mutex<[Session]>([])
  private static let sessionsKept = 8

  /// Reads `caFile` or the system's store: blocks.
  package init(
    caFile: String?, fingerprint: [UInt8]?, clientCertificate: ClientCertificate? = nil
  ) throws(TLSFailure) {
    ERR_clear_error()
    guard let pointer = SSL_CTX_new(TLS_client_method()) else {
      throw .handshake(reason: OpenSSLErrors.takeAll() ?? "OpenSSL can't be used")
    }
    self.pointer = pointer
    self.fingerprint = fingerprint
    // From here on `deinit` frees the context, also when this initialiser throws.
    guard mm_SSL_CTX_set_min_proto_version(pointer, TLS1_2_VERSION) == 1 else {
      throw .handshake(reason: "TLS 1.2 can't be made the least version")
    }
    mm_SSL_CTX_set_client_options(pointer)
    if let caFile {
      guard SSL_CTX_load_verify_file(pointer, caFile) == 1 else {
        throw .caFile(path: caFile, reason: OpenSSLErrors.takeAll() ?? "there is no certificate in it")
      }
    } else if fingerprint == nil {
      guard SSL_CTX_set_default_verify_paths(pointer) == 1 else {
        throw .caFile(path: "the system's certificates", reason: OpenSSLErrors.takeAll() ?? "unreadable")
      }
    }
    try clientCertificate?.use(in: pointer)
    SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
    SSL_CTX_set_cert_verify_callback(pointer, verifyCertificate, nil)
    _ = SSL_CTX_set_ex_data(pointer, 0, Unmanaged.passUnretained(self).toOpaque())
    // Sessions are kept here and not in OpenSSL's own cache, which a client would have to search itself.
    _ = mm_SSL_CTX_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL))
    SSL_CTX_sess_set_new_cb(pointer, keepSession)
  }

  deinit {
    for session in sessions.withLock({ $0 }) { SSL_SESSION_free(session.pointer) }
    SSL_CTX_free(pointer)
  }

  /// Sessions may move between threads: OpenSSL counts their references with atomics.
  private struct Session: @unchecked Sendable {
    let pointer: OpaquePointer
  }

  /// Takes over the caller's reference.
  fileprivate func keep(_ pointer: OpaquePointer) {
    let session = Session(pointer: pointer)
    let dropped = sessions.withLock { sessions -> Session? in
      sessions.append(session)
      return sessions.count > Self.sessionsKept ? sessions.removeFirst() : nil
    }
    if let dropped { SSL_SESSION_free(dropped.pointer) }
  }

  /// Offers the newest session to the server. Each is offered once, as TLS 1.3 wants it (RFC 8446 appendix C.4).
  func offerSession(to ssl: OpaquePointer) {
    guard let session = sessions.withLock({ $0.popLast() })?.pointer else { return }
    if SSL_SESSION_is_resumable(session) == 1 { _ = SSL_set_session(ssl, session) }
    SSL_SESSION_free(session)
  }

  /// Decides on the peer's certificate in the middle of the handshake.
  fileprivate func verify(_ store: OpaquePointer, _ verdict: PeerVerdict) -> Bool {
    guard let leaf = X509_STORE_CTX_get0_cert(store) else { return false }
    verdict.describe(leaf)
    if let fingerprint {
      if verdict.fingerprint == fingerprint { return true }
      X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)
      return false
    }
    if X509_verify_cert(store) == 1 { return true }
    verdict.error = Int(X509_STORE_CTX_get_error(store))
    return false
  }

  /// Whether a resumed session's certificate is the pinned one.
  func accepts(fingerprint seen: [UInt8]) -> Bool { fingerprint == nil || fingerprint == seen }
}

/// What was found out about the peer's certificate while it was verified; used on the connection's event loop only.
final class PeerVerdict {
  var error = 0
  var fingerprint: [UInt8] = []
  var names: [String] = []
  var issuer = ""

  func describe(_ certificate: OpaquePointer) {
    fingerprint = Self.fingerprint(of: certificate)
    names = Self.text { mm_print_certificate_names($0, certificate) }.split(separator: "\n").map(String.init)
    issuer = Self.text { mm_print_name($0, X509_get_issuer_name(certificate)) }
  }

  static func fingerprint(of certificate: OpaquePointer) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    guard X509_digest(certificate, EVP_sha256(), &output, &length) == 1, length == 32 else { return [] }
    return output
  }

  /// What OpenSSL prints, cut, without control characters.
  private static func text(_ print: (OpaquePointer) -> Void) -> String {
    guard let bio = BIO_new(BIO_s_mem()) else { return "" }
    defer { BIO_free(bio) }
    print(bio)
    var bytes = [UInt8](repeating: 0, count: 2_000)
    let count = BIO_read(bio, &bytes, Int32(bytes.count))
    let shown = bytes.prefix(Int(max(count, 0))).map { $0 == 0x0A || (0x20...0x7E).contains($0) ? $0 : 0x3F }
    return String(decoding: shown, as: UTF8.self)
  }
}

private let verifyCertificate: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, _ in
  guard let store,
    let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()).map({ OpaquePointer($0) }),
    let context = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0), let verdict = SSL_get_ex_data(ssl, 0)
  else { return 0 }
  let accepted = Unmanaged<TLSContext>.fromOpaque(context).takeUnretainedValue()
    .verify(store, Unmanaged<PeerVerdict>.fromOpaque(verdict).takeUnretainedValue())
  return accepted ? 1 : 0
}

private let keepSession: @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32 = { ssl, session in
  guard let ssl, let session, let context = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0) else { return 0 }
  Unmanaged<TLSContext>.fromOpaque(context).takeUnretainedValue().keep(session)
  return 1
}

/// OpenSSL's queue of errors of this thread.
enum OpenSSLErrors {
  /// All of them as one text, oldest first; nil when there are none.
  static func takeAll() -> String? {
    var texts: [String] = []
    while case let code = ERR_get_error(), code != 0 {
      if let reason = ERR_reason_error_string(code), texts.count < 4 { texts.append(String(cString: reason)) }
    }
    return texts.isEmpty ? nil : texts.joined(separator: ", ")
  }
}
