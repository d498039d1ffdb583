import COpenSSL

extension HashFunction {
  /// PBKDF2 with HMAC and an output as long as the hash (RFC 8018 section 5.2); empty when it can't be done. The
  /// caller bounds `iterations`, which a server names.
  package func pbkdf2(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
    guard let iterations = Int32(exactly: iterations), iterations > 0,
      let passwordLength = Int32(exactly: password.count), let saltLength = Int32(exactly: salt.count)
    else { return [] }
    var output = [UInt8](repeating: 0, count: octets)
    let done = password.withUnsafeBytes { password in
      // An empty array may have no address, and OpenSSL takes a nil password of length 0 as an empty one.
      PKCS5_PBKDF2_HMAC(
        password.baseAddress?.assumingMemoryBound(to: CChar.self), passwordLength, salt, saltLength, iterations, evp,
        Int32(octets), &output)
    }
    return done == 1 ? output : []
  }
}
