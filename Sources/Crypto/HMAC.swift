import COpenSSL

extension HashFunction {
  /// HMAC (RFC 2104); empty only where the system's policy forbids the function.
  package func hmac(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
    guard let keyLength = Int32(exactly: key.count) else { return [] }
    var output = [UInt8](repeating: 0, count: octets)
    var length: UInt32 = 0
    let done = output.withUnsafeMutableBufferPointer { output in
      HMAC(evp, key, keyLength, bytes, bytes.count, output.baseAddress, &length) != nil
    }
    return done && Int(length) == octets ? output : []
  }
}
