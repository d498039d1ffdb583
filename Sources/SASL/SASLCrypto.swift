/// The hash of a SCRAM mechanism.
package enum SASLHash: Hashable, Sendable {
  case sha1
  case sha256

  package var octets: Int { self == .sha1 ? 20 : 32 }
}

/// What mechanisms need from outside, so that they stay pure.
package struct SASLCrypto: Sendable {
  /// A fresh random text for one exchange: printable ASCII without `,`, at least 18 octets of entropy.
  package var nonce: @Sendable () -> [UInt8]
  package var digest: @Sendable (SASLHash, _ data: [UInt8]) -> [UInt8]
  package var hmac: @Sendable (SASLHash, _ key: [UInt8], _ data: [UInt8]) -> [UInt8]
  /// PBKDF2 with HMAC, an output as long as the hash.
  package var pbkdf2: @Sendable (SASLHash, _ password: [UInt8], _ salt: [UInt8], _ iterations: Int) -> [UInt8]

  package init(
    nonce: @escaping @Sendable () -> [UInt8],
    digest: @escaping @Sendable (SASLHash, [UInt8]) -> [UInt8],
    hmac: @escaping @Sendable (SASLHash, [UInt8], [UInt8]) -> [UInt8],
    pbkdf2: @escaping @Sendable (SASLHash, [UInt8], [UInt8], Int) -> [UInt8]
  ) {
    self.nonce = nonce
    self.digest = digest
    self.hmac = hmac
    self.pbkdf2 = pbkdf2
  }
}
