import COpenSSL

/// The hashes that protocols ask for. SHA-1 and MD5 serve only SCRAM-SHA-1, CRAM-MD5 and APOP.
package enum HashFunction: Hashable, Sendable {
  case sha256
  case sha1
  case md5

  package var octets: Int {
    switch self {
    case .sha256: 32
    case .sha1: 20
    case .md5: 16
    }
  }

  /// The digest of `bytes`; empty only where the system's policy forbids the function.
  package func digest(_ bytes: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: octets)
    guard EVP_Digest(bytes, bytes.count, &output, nil, evp, nil) == 1 else { return [] }
    return output
  }

  var evp: OpaquePointer? {
    switch self {
    case .sha256: EVP_sha256()
    case .sha1: EVP_sha1()
    case .md5: EVP_md5()
    }
  }
}
