import COpenSSL

#if canImport(Glibc)
  import Glibc
#endif

/// Who we are to a server that asks for a certificate: PEM files, which may be one.
package struct ClientCertificate: Hashable, Sendable {
  package var file: String
  package var keyFile: String

  package init(file: String, keyFile: String) {
    self.file = file
    self.keyFile = keyFile
  }

  private static let certificateKey = "tls_client_certificate"
  private static let keyKey = "tls_client_key"
  private static let sizeLimit = 1 << 20

  /// Gives both to the context. Reads the files: blocks.
  func use(in context: OpaquePointer) throws(TLSFailure) {
    ERR_clear_error()
    guard SSL_CTX_use_certificate_chain_file(context, file) == 1 else {
      throw failure(
        Self.certificateKey, file, OpenSSLErrors.takeAll() ?? "there is no certificate in it",
        "name a PEM file with the certificate first")
    }
    let key = try privateKey()
    defer { EVP_PKEY_free(key) }
    guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1 else {
      throw failure(
        Self.keyKey, keyFile, OpenSSLErrors.takeAll() ?? "OpenSSL does not take it",
        "name the key that the certificate was made for")
    }
  }

  private func privateKey() throws(TLSFailure) -> OpaquePointer {
    let text = try readKeyFile()
    guard let bio = BIO_new(BIO_s_mem()) else { throw failure(Self.keyKey, keyFile, "out of memory", "try again") }
    defer { BIO_free(bio) }
    _ = text.withUnsafeBytes { BIO_write(bio, $0.baseAddress, Int32($0.count)) }
    // Without this OpenSSL would ask for a passphrase on the terminal.
    let noPassphrase: @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 = {
      _, _, _, _ in -1
    }
    guard let key = PEM_read_bio_PrivateKey(bio, nil, noPassphrase, nil) else {
      let isEncrypted = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_BAD_PASSWORD_READ
      let reason = OpenSSLErrors.takeAll() ?? "there is no key in it"
      throw isEncrypted
        ? failure(
          Self.keyKey, keyFile, "it has a passphrase", "openssl pkey -in \(keyFile) -out FILE writes it without")
        : failure(Self.keyKey, keyFile, reason, "name a PEM file with the key in it")
    }
    return key
  }

  /// The key is as good as a password, so no one else may read it.
  private func readKeyFile() throws(TLSFailure) -> [UInt8] {
    let descriptor = open(keyFile, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      let reason = String(cString: strerror(errno))
      if descriptor >= 0 { close(descriptor) }
      throw failure(Self.keyKey, keyFile, reason, "name a file that this user can read")
    }
    defer { close(descriptor) }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= Self.sizeLimit else {
      throw failure(Self.keyKey, keyFile, "it is no file of a key", "name a PEM file with the key in it")
    }
    guard status.st_mode & 0o066 == 0 else {
      throw failure(Self.keyKey, keyFile, "others can read or change it", "chmod 600 \(keyFile)")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    let count = read(descriptor, &bytes, bytes.count)
    return Array(bytes.prefix(max(count, 0)))
  }

  private func failure(_ key: String, _ path: String, _ reason: String, _ remedy: String) -> TLSFailure {
    .clientCertificate(key: key, path: path, reason: reason, remedy: remedy)
  }
}
