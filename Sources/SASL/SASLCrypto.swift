/// The hash of a mechanism. MD5 serves CRAM-MD5 alone.
package enum SASLHash: Hashable, Sendable {
  case md5
  case sha1
  case sha256

  package var octets: Int {
    switch self {
    case .md5: 16
    case .sha1: 20
    case .sha256: 32
    }
  }
}

/// What mechanisms need from outside, so that they stay pure. The one costly function, PBKDF2, is not here: an exchange
/// asks for it with a `SASLDerivation`.
package struct SASLCrypto: Sendable {
  /// A fresh random text for one exchange: printable ASCII without `,`, at least 18 octets of entropy.
  package var nonce: @Sendable () -> [UInt8]
  package var digest: @Sendable (SASLHash, _ data: [UInt8]) -> [UInt8]
  package var hmac: @Sendable (SASLHash, _ key: [UInt8], _ data: [UInt8]) -> [UInt8]

  package init(
    nonce: @escaping @Sendable () -> [UInt8],
    digest: @escaping @Sendable (SASLHash, [UInt8]) -> [UInt8],
    hmac: @escaping @Sendable (SASLHash, [UInt8], [UInt8]) -> [UInt8]
  ) {
    self.nonce = nonce
    self.digest = digest
    self.hmac = hmac
  }
}

/// PBKDF2 with HMAC and an output as long as the hash (RFC 8018 section 5.2). It may take a second of computing, so
/// whoever runs an exchange does it where that harms nobody.
package struct SASLDerivation: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
  package let hash: SASLHash
  package let password: [UInt8]
  package let salt: [UInt8]
  package let iterations: Int

  package init(hash: SASLHash, password: [UInt8], salt: [UInt8], iterations: Int) {
    self.hash = hash
    self.password = password
    self.salt = salt
    self.iterations = iterations
  }

  /// The password is in no dump.
  package var description: String { "\(iterations) iterations" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
