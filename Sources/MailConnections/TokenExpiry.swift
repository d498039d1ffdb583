import Foundation
import SASL

/// What a token says itself of its end.
enum TokenExpiry {
  /// Seconds since 1970 from the `exp` of a token that is a JWT (RFC 7519 section 4.1.4, RFC 9068); nil for one that is
  /// opaque. It is a hint from whoever made the token, of which nothing is verified.
  ///
  ///     eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDAwMDB9.  ->  1700000000
  static func seconds(of token: [UInt8]) -> Double? {
    let parts = token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 3, let claims = decode(parts[1]) else { return nil }
    return (try? JSONDecoder().decode(Claims.self, from: Data(claims)))?.exp
  }

  private struct Claims: Decodable { let exp: Double }

  /// base64url without padding (RFC 7515 section 2).
  private static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    var standard = text.map { byte in
      switch byte {
      case UInt8(ascii: "-"): UInt8(ascii: "+")
      case UInt8(ascii: "_"): UInt8(ascii: "/")
      default: byte
      }
    }
    while standard.count % 4 != 0 { standard.append(UInt8(ascii: "=")) }
    return Base64.decode(standard)
  }
}
