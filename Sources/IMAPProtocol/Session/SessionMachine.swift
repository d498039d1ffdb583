import MailModel
import SASL

/// From the greeting to an authenticated session with its extensions enabled.
package struct SessionMachine {
  package typealias Policy = SessionPolicy

  package init(policy: SessionPolicy, crypto: SASLCrypto) {}
  package mutating func received(_ response: Response) -> [SessionAction] { [] }
  package mutating func tlsEstablished() -> [SessionAction] { [] }
  package mutating func password(_ secret: [UInt8]) -> [SessionAction] { [] }
  /// What had come beyond the answer to STARTTLS: anything at all ends the session.
  package mutating func bytesBufferedAtStartTLS(_ count: Int) -> [SessionAction] { [] }
}
