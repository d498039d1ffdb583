import COpenSSL

/// Bytes that nobody can guess.
package enum RandomBytes {
  package static func make(_ count: Int) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: max(count, 0))
    if let length = Int32(exactly: output.count), RAND_bytes(&output, length) == 1 { return output }
    // OpenSSL reports a failed source of entropy; the kernel's own stays.
    var generator = SystemRandomNumberGenerator()
    return output.map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }
}
